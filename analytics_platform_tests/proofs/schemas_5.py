"""500 cached reads a second while the demo runs, and verdicts on 100 fields: how long each takes."""

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence

import numpy as np

from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.watched_instance import await_true, published_bids

BASE_PORT, RATE = 4850, "500"
PER_SECOND, SECONDS, CLIENTS = 500, 60, 5
P99_MS, VERDICT_MS = 20.0, 50.0
FIELDS, VERDICTS = 100, 40
TYPE = "application/vnd.schemaregistry.v1+json"


def prove(report: Report) -> None:
    """Requests are due by the clock: one that waits for an earlier one counts from when it was due."""
    with cloned_instance(report, BASE_PORT) as instance:
        report.step(f"ap up, {RATE} events a second")
        instance.up("--rate", RATE)
        await_true(lambda: published_bids(instance) > 10_000, 240.0, "the demo")
        before = published_bids(instance)
        _reads(report, instance.ports()["service"])
        _verdicts(report, instance.ports()["service"], Authorization=f"Bearer {instance.token()}")
        report.figure("bids published meanwhile", published_bids(instance) - before)
        report.claim("the demo went on", holds=published_bids(instance) - before > SECONDS * 100)


def _reads(report: Report, port: int) -> None:
    guid = json.loads(_ask(http.client.HTTPConnection("127.0.0.1", port), "GET", "/schemas/ids/1"))["guid"]
    paths = ["/schemas/ids/1", "/schemas/ids/2", "/schemas/ids/3", f"/schemas/guids/{guid}", "/subjects"]
    paths += ["/subjects/bids-value/versions/latest", "/subjects/persons-value/versions/1", "/config/bids-value"]
    report.step(f"{PER_SECOND} reads a second for {SECONDS} s, over {CLIENTS} connections that stay open")
    begins = time.monotonic() + 0.5
    found: list[list[float]] = [[] for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=_client, args=(port, paths, begins + n / PER_SECOND, found[n], report.seed + n))
        for n in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = np.array([each for some in found for each in some]) * 1000
    p50, p99, worst = (round(float(value), 2) for value in (*np.percentile(took, [50, 99]), took.max()))
    rate = round(len(took) / SECONDS)
    report.figure("reads", {"count": len(took), "a second": rate, "p50 ms": p50, "p99 ms": p99, "worst ms": worst})
    report.claim(f"all {PER_SECOND * SECONDS:,} were answered", holds=len(took) == PER_SECOND * SECONDS)
    report.claim(f"p99 is under {P99_MS:.0f} ms", holds=p99 < P99_MS)


def _client(port: int, paths: Sequence[str], begins: float, took: list[float], seed: int) -> None:
    chance, connection = random.Random(seed), http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(PER_SECOND * SECONDS // CLIENTS):
        due = begins + number * CLIENTS / PER_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
        _ask(connection, "GET", chance.choice(paths))
        took.append(time.monotonic() - due)
    connection.close()


def _verdicts(report: Report, port: int, **headers: str) -> None:
    report.step(f"verdicts on {FIELDS} fields against {FIELDS - 1}")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    _ask(connection, "POST", "/subjects/wide-value/versions", {"schema": _wide(FIELDS - 1)}, **headers)
    took = []
    for _ in range(VERDICTS):
        began = time.monotonic()
        answer = _ask(
            connection, "POST", "/compatibility/subjects/wide-value/versions/latest", {"schema": _wide(FIELDS)}
        )
        took.append((time.monotonic() - began) * 1000)
        if json.loads(answer) != {"is_compatible": True}:
            raise AssertionError(answer)
    warm = np.array(took[1:])
    p50, p99 = (round(float(value), 1) for value in np.percentile(warm, [50, 99]))
    report.figure("verdicts", {"cold ms": round(took[0], 1), "warm p50 ms": p50, "warm p99 ms": p99})
    report.claim(f"warm, the 99th of 100 is under {VERDICT_MS:.0f} ms", holds=p99 < VERDICT_MS)


def _wide(fields: int) -> str:
    named = [
        {"name": f"f{n}", "type": ["null", "long", "string"][:: 1 + n % 2], "default": None} for n in range(fields)
    ]
    return json.dumps({"type": "record", "name": "Wide", "fields": named})


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, content: object = None, **headers: str
) -> bytes:
    body = None if content is None else json.dumps(content)
    connection.request(method, path, body, {"Content-Type": TYPE, **headers})
    response = connection.getresponse()
    text = response.read()
    if response.status != http.HTTPStatus.OK:
        raise AssertionError(f"{method} {path}: {response.status} {text!r}")
    return text
