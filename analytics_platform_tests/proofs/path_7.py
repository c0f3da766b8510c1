"""A topic of the public kind, nested JSON without headers, is declared by one file and runs; nothing else changes.

A fresh clone is started, a stock client writes the topic, `ap stream new` drafts it, a person publishes the draft, and
silver is compared with the documents as a stock client and Python's own JSON read them. Then it is taken out again.
"""

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform_tests.proofs import own_topic
from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.own_topic import DECLARED, STREAM, TOPIC, differences, silver_rows
from analytics_platform_tests.proofs.public_topic import documents
from analytics_platform_tests.proofs.report import Report

BASE_PORT = 4700
FIRST, LATER, PARTITIONS = 4000, 500, 3
RATE = "50"  # of the auction house beside it, which must not notice
WAIT_SECONDS = 180.0
LAYERS = ("bronze", "silver", "exceptions")
ASSETS = "{assetNodes {assetKey {path} groupName}}"
ALARMING = ("schemas.unreadable", "planning.failed")


def prove(report: Report) -> None:
    """Take the topic in, compare, take it out."""
    with cloned_instance(report, BASE_PORT) as instance:
        report.figure("seed", report.seed)
        report.figure("commit", own_topic.git(instance.clone, "rev-parse", "--short", "HEAD").strip())
        _take_in(report, instance)
        _take_out(report, instance)


def _take_in(report: Report, instance: DrivenInstance) -> None:
    report.step("ap up in a fresh clone; a stock client writes the topic")
    instance.up("--rate", RATE)
    before, bootstrap = _assets(instance), instance.kafka()
    sent = list(documents(report.seed, FIRST + LATER, datetime.now(UTC)))
    own_topic.create_topic(bootstrap, TOPIC, PARTITIONS)
    size = own_topic.produce(bootstrap, TOPIC, sent[:FIRST])
    report.figure("documents", f"{FIRST:,}, {size / FIRST / 1000:.1f} kB each, the largest {_largest(sent):.1f} kB")

    report.step("ap stream new, and a restart with the draft")
    draft = _draft(report, instance)
    _restart(instance)
    _claim_draft(report, instance, before)

    report.step("published: one word, and a line that ap schema sync writes; a restart, and more documents meanwhile")
    own_topic.publish(instance.clone, draft)
    report.claim("ap schema sync gives it an id", holds=instance.ap("schema", "sync").returncode == 0)
    _restart(instance)
    own_topic.produce(bootstrap, TOPIC, sent[FIRST:])
    _await(lambda: _published(instance, STREAM) >= len(sent), "every document is published")
    _claim_equal(report, instance, sent)
    _claim_files(report, instance)
    wanted = {f"topic/{TOPIC}", *(f"{STREAM}/{layer}" for layer in LAYERS)}
    report.claim(
        "Dagster shows its topic and three tables beside the others", holds=_assets(instance) == before | wanted
    )


def _draft(report: Report, instance: DrivenInstance) -> dict[str, Any]:
    began = time.monotonic()
    said = instance.ap("stream", "new", STREAM, "--from-topic", TOPIC, "--sample", "1000", "--json")
    draft = json.loads(said.stdout or '{"state": "none", "why": {}}')
    report.figure("seconds for the draft", round(time.monotonic() - began, 1))
    report.figure("inferred", draft["why"])
    report.claim("ap stream new drafts it", holds=said.returncode == 0 and draft["state"] == "draft")
    return draft


def _claim_files(report: Report, instance: DrivenInstance) -> None:
    changed = own_topic.changed_files(instance.clone)
    report.figure("files changed", changed)
    report.claim("one declaration, its schema's folder and one line of ids.lock, no more", holds=changed == [*DECLARED])
    lines = own_topic.git(instance.clone, "diff", "--numstat", "schemas/ids.lock").split()[:2]
    report.claim("ids.lock has one line more and none less", holds=lines == ["1", "0"])


def _claim_draft(report: Report, instance: DrivenInstance, before: set[str]) -> None:
    listed = {row["stream"]: row["state"] for row in _streams(instance)}
    report.claim("ap stream list shows it as a draft", holds=listed.get(STREAM) == "draft")
    report.claim("Dagster shows nothing of a draft", holds=_assets(instance) == before)
    report.claim("a draft stops no other stream", holds=_goes_on(instance))
    report.claim("no process complains of it", holds=not _alarms(instance))


def _claim_equal(report: Report, instance: DrivenInstance, sent: Sequence[Mapping[str, Any]]) -> None:
    schema = json.loads((instance.clone / "schemas" / STREAM / "value" / "1.json").read_text())
    read = own_topic.topic_documents(instance.kafka(), TOPIC)
    rows = silver_rows(Path(instance.setting("table_dir")), schema)
    report.claim("the topic holds what was sent", holds={d["id"] for d in read} == {d["id"] for d in sent})
    found = differences(read, rows, schema)
    report.figure("differences", found[:5])
    report.claim(f"silver is the {len(read):,} documents, each once, equal in every field", holds=not found)
    deep = next(n for n, document in enumerate(read) if "pull_request" in document["payload"])
    altered = json.loads(json.dumps(read[deep]))
    altered["payload"]["pull_request"]["commits"][0]["author"]["login"] += "x"
    planted = differences([*read[:deep], altered, *read[deep + 1 :]], rows, schema)
    report.claim("a planted fault, one letter deep in one document, is found", holds=len(planted) == 1)
    asked = f"select count(*) n, count(distinct payload.pull_request.title) t from {STREAM} where payload.number > 0"
    answer = json.loads(instance.ap("sql", asked, "--json").stdout or "[{}]")
    numbered = [d["payload"]["pull_request"]["title"] for d in read if d["payload"].get("number", 0) > 0]
    report.claim("SQL reaches into it", holds=answer == [{"n": len(numbered), "t": len(set(numbered))}])


def _take_out(report: Report, instance: DrivenInstance) -> None:
    report.step("the declaration is removed, and the instance started again")
    before = _assets(instance)
    own_topic.unpublish(instance.clone)
    _restart(instance)
    gone = {f"topic/{TOPIC}", *(f"{STREAM}/{layer}" for layer in LAYERS)}
    report.claim("its assets are gone, all others are there", holds=_assets(instance) == before - gone)
    report.claim("all other streams go on", holds=_goes_on(instance))
    report.claim("no process complains", holds=not _alarms(instance))
    report.claim("no file is left changed", holds=own_topic.changed_files(instance.clone) == [])


def _restart(instance: DrivenInstance) -> None:
    instance.ap("down")
    instance.up("--rate", RATE)


def _goes_on(instance: DrivenInstance) -> bool:
    """Whether bids are published that were not when this was asked."""
    before = _published(instance, "bids")
    _await(lambda: _published(instance, "bids") > before, "bids go on")
    return True


def _published(instance: DrivenInstance, stream: str) -> int:
    """How many offsets of a stream have their outcome; 0 while that cannot be told."""
    row = next((row for row in _streams(instance) if row["stream"] == stream), {})
    return row.get("offsets", 0) - row.get("lag", 0) if row.get("batches") else 0


def _streams(instance: DrivenInstance) -> list[dict[str, Any]]:
    done = instance.ap("stream", "list", "--json")
    return json.loads(done.stdout) if done.returncode == 0 else []


def _assets(instance: DrivenInstance) -> set[str]:
    """What Dagster's web server shows."""
    connection = http.client.HTTPConnection("127.0.0.1", instance.ports()["webserver"], timeout=30)
    connection.request("POST", "/graphql", json.dumps({"query": ASSETS}), {"Content-Type": "application/json"})
    nodes = json.loads(connection.getresponse().read())["data"]["assetNodes"]
    return {"/".join(node["assetKey"]["path"]) for node in nodes}


def _alarms(instance: DrivenInstance) -> list[str]:
    """What the processes said that nobody should have to read."""
    said = instance.ap("logs", "--since", "10m", "--json").stdout.splitlines()
    return [line for line in said if any(alarm in line for alarm in ALARMING)]


def _await(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{WAIT_SECONDS:.0f} s passed before: {what}")
        pause(1.0)


def _largest(sent: Sequence[Mapping[str, Any]]) -> float:
    return max(len(json.dumps(document, ensure_ascii=False).encode()) for document in sent) / 1000
