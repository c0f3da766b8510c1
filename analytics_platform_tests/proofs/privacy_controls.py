"""A canary planted in every kind of place: what the search says of places without any is worth as much as this."""

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Producer as Client
from psycopg import sql

from analytics_platform_tests.alerts.receivers import Received
from analytics_platform_tests.proofs import privacy_places as places
from analytics_platform_tests.proofs.browser import browsing
from analytics_platform_tests.proofs.canaries import Canaries
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.privacy_search import Hit, search_for
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.stock import stock

SPARSE_BYTES, LARGEST_COPY = 1 << 30, 8 << 20
ABORT = "import os, sys; held = sys.stdin.read(); os.abort()"
PLANTED = sql.SQL("create table planted as select {} as x from generate_series(1, 500); analyze planted")
FORMS: Mapping[str, Callable[[str], bytes]] = {  # made by other means than those of the search
    "as it is": lambda text: text.encode(),
    "in capitals": lambda text: text.upper().encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, the other way round": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 after a byte": lambda text: base64.b64encode(b"." + text.encode()),
    "base64 after two bytes": lambda text: base64.urlsafe_b64encode(b".." + text.encode()),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal in capitals": lambda text: base64.b16encode(text.encode()),
    "in a URL": lambda text: quote(text).encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"x": text})).encode(),
    "as Python shows it": lambda text: repr(text.encode()).encode(),
    "dashed": lambda text: text.replace(" ", "-").encode(),
    "without spaces": lambda text: text.replace(" ", "").encode(),
}


def plant(report: Report, instance: DrivenInstance, canaries: Canaries, received: Received) -> None:
    """Plant and look, kind by kind; after the search, for what is planted stays."""
    report.step("controls: a canary planted in every kind of place")
    _every_form(report, canaries)
    with tempfile.TemporaryDirectory(prefix="privacy-1-planted-") as folder:
        _in_copies(report, instance, canaries, Path(folder))
        _in_packed_files(report, canaries, Path(folder))
        _in_a_core_file(report, canaries, Path(folder))
    for what, place, data in _in_living_places(instance, canaries, received):
        found = search_for(canaries).look("control", place, data)
        report.claim(f"a planted canary is found: {what}", bool(found))


def _every_form(report: Report, canaries: Canaries) -> None:
    missed = []
    for text in (canaries.email(1), canaries.name(1), canaries.card(1)):
        for form, write in FORMS.items():
            data = os.urandom(97) + write(text) + os.urandom(97)
            if not search_for(canaries).look("control", form, data):
                missed.append(f"{text} {form}")
    report.claim(f"an address, a name and a card are found in each of {len(FORMS)} forms {missed or ''}", not missed)


def _in_copies(report: Report, instance: DrivenInstance, canaries: Canaries, folder: Path) -> None:
    """One file of each kind, with a canary in the middle of it."""
    chosen: dict[str, Path] = {}
    for kind, path in places.files(instance):
        is_fit = path.suffix != ".parquet" and 0 < path.stat().st_size < LARGEST_COPY
        if is_fit and kind not in (*places.DECLARED, places.TABLES, *chosen):
            chosen[kind] = path
    for kind, path in chosen.items():
        data, copy = path.read_bytes(), folder / path.name
        middle = len(data) // 2
        copy.write_bytes(data[:middle] + canaries.name(2).encode("utf-16") + data[middle:])
        report.claim(f"a planted canary is found: {kind}, as in {path.name}", _is_found(canaries, copy))


def _in_packed_files(report: Report, canaries: Canaries, folder: Path) -> None:
    """Where the bytes on disk do not show it, and where a table's file shows it beside its rows."""
    text = [canaries.email(number) for number in range(2000)]
    rows = pa.table({"x": text, "list": [[{"y": each.encode()}] for each in text]})
    pq.write_table(rows, folder / "packed.parquet", compression="zstd", write_statistics=False, use_dictionary=False)
    pq.write_table(rows.select(["x"]), folder / "kept.parquet", compression="zstd", write_statistics=True)
    (folder / "packed.gz").write_bytes(gzip.compress(text[0].encode()))
    with pa.CompressedOutputStream(str(folder / "packed.zst"), "zstd") as packed:
        packed.write("".join(text).encode())
    with (folder / "sparse").open("wb") as file:
        file.truncate(SPARSE_BYTES)
        file.seek(SPARSE_BYTES // 2)
        file.write(text[0].encode())
    for name in ("packed.parquet", "packed.gz", "packed.zst", "sparse"):
        report.claim(f"a planted canary is found: {name}", _is_found(canaries, folder / name))
    hits = search_for(canaries).look_in_file("control", folder / "packed.parquet")
    report.claim("in each packed column of a table's file", {"x", "list"} <= {_last_word(hit) for hit in hits})
    hits = search_for(canaries).look_in_file("control", folder / "kept.parquet")
    report.claim("and in the statistics of one", "statistics" in {_last_word(hit) for hit in hits})


def _in_a_core_file(report: Report, canaries: Canaries, folder: Path) -> None:
    """What a process leaves that may; where this machine keeps such files elsewhere, that is said."""
    child = subprocess.run(
        [sys.executable, "-c", ABORT], cwd=folder, input=canaries.card(3) * 100, text=True, check=False
    )
    cores = [path for path in folder.iterdir() if places.is_core(path)]
    report.figure("core files that a process of ours left", len(cores))
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith("|"):
        report.figure("core files go elsewhere here", pattern)
        return
    report.claim(f"a planted canary is found: a core file (exit code {child.returncode})", bool(cores))
    report.claim("it holds what the process held", any(_is_found(canaries, path) for path in cores))


def _in_living_places(
    instance: DrivenInstance, canaries: Canaries, received: Received
) -> Iterator[tuple[str, str, bytes]]:
    """What, where, and what is read there."""
    yield from _in_topics(instance, canaries)
    for name, connection in (("platform", instance.ledger()), ("dagster", instance.dagster())):
        with connection:
            connection.execute(PLANTED.format(sql.Literal(canaries.name(4))))
        dumped = dict(places.databases(instance))
        yield f"a table of {name}", name, dumped[f"pg_dump of {name}"]
        if name == "platform":
            yield "what Postgres samples", name, dumped[f"copy of {places.COPIED[0]}"]
    yield "what ap says", *places.said(instance, "sql", f"select '{canaries.name(5)}' as x")
    yield "what the service says", *places.answered(instance, f"/subjects/{quote(canaries.name(6))}/versions")
    urlopen(Request(received.url, canaries.email(7).encode(), {"Content-Type": "text/plain"}), timeout=10).close()
    yield "alerts", "the last one", received.requests[-1][2]
    with browsing() as browser:
        yield "pages of the UI", *places.page(instance, browser, f"/assets/{quote(canaries.name(8))}")


def _in_topics(instance: DrivenInstance, canaries: Canaries) -> Iterator[tuple[str, str, bytes]]:
    client = Client({**stock(instance.kafka()), "compression.type": "zstd", "linger.ms": 0})
    text = canaries.email(9)
    planted: Mapping[str, tuple[str | None, str | None, list[tuple[str, bytes]]]] = {
        "key": (text, "x", []),
        "value": (None, text * 100, []),
        "name of a header": (None, "x", [(text, b"x")]),
        "value of a header": (None, "x", [("x", text.encode())]),
    }
    for key, value, headers in planted.values():
        client.produce("persons.dead", value, key, 0, headers=headers)
    client.flush(places.ASK_SECONDS)
    last = [record for record in places.records(instance.kafka()) if record.topic == "persons.dead"]
    ours = sorted((record for record in last if record.partition == 0), key=lambda record: record.offset)
    for what, record in zip(planted, ours[-len(planted) :], strict=True):
        yield f"the {what} of a packed record", "persons.dead", record.data


def _is_found(canaries: Canaries, path: Path) -> bool:
    return bool(search_for(canaries).look_in_file("control", path))


def _last_word(hit: Hit) -> str:
    return hit.place.split()[-1]
