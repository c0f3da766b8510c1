"""The producer against a real broker: truth and topic agree, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.errors import LocalError
from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.encode_batch import RecordColumns, encode_blocks
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.kafka.produce import BulkProducer
from analytics_platform.ingest.records import header_text
from analytics_platform.local.auction_house.chunk import Topic
from analytics_platform.local.auction_house.options import Options
from analytics_platform.local.auction_house.producer import run
from analytics_platform_tests.brokers import Kafka
from analytics_platform_tests.local.houses import FAULTY, TOPICS
from analytics_platform_tests.proofs.oracle import expect

Coordinates = dict[tuple[str, int, int], str]
DEADLINE_SECONDS = 60.0  # seconds when idle; many workers may share the machine


def own_topics(topic: Callable[[], str]) -> tuple[Topic, ...]:
    return tuple(replace(declared, name=topic()) for declared in TOPICS)


def bounded(kafka: Kafka, topics: tuple[Topic, ...], folder: Path, events: int = 20_000) -> Options:
    return Options(cluster=kafka.bootstrap, truth=folder, topics=topics, events=events, seed=3, shares=FAULTY)


def live(kafka: Kafka, topics: tuple[Topic, ...], folder: Path, rate: float = 2_000.0) -> Options:
    return Options(cluster=kafka.bootstrap, truth=folder, topics=topics, rate=rate, seed=3, shares=FAULTY)


def on_topics(
    bootstrap: str, topics: tuple[Topic, ...], *, since: dict[tuple[str, int], int] | None = None
) -> Coordinates:
    """The id of every record, by kind, partition and offset."""
    found: Coordinates = {}
    with KafkaReader(bootstrap) as reader:
        for topic in topics:
            for here in reader.offsets([topic.name])[topic.name]:
                start = (since or {}).get((topic.name, here.partition), 0)
                if start == here.stable_end:
                    continue
                wanted = OffsetRange(topic_id=here.topic_id, partition=here.partition, start=start, end=here.stable_end)
                for records in reader.fetch(topic.name, [wanted]):
                    ids = header_text(records, "event_id").to_pylist()
                    places = [(topic.kind.value, here.partition, offset) for offset in records["offset"].to_pylist()]
                    found |= dict(zip(places, ids, strict=True))
    return found


def in_truth(folder: Path, topics: tuple[Topic, ...]) -> Coordinates:
    """The id of every record that counts, by kind, partition and sequence."""
    found: Coordinates = {}
    for topic in topics:
        for path in folder.glob(f"{topic.kind}-*.parquet"):
            rows = pq.read_table(path, columns=["partition", "sequence", "event_id"]).to_pylist()
            found |= {(topic.kind.value, row["partition"], row["sequence"]): row["event_id"] for row in rows}
    return found


def await_until(condition: Callable[[], Any]) -> None:
    """Poll until the condition holds; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.05)


def test_a_bounded_run_puts_on_the_topics_what_its_truth_and_summary_say(
    kafka: Kafka, topic: Callable[[], str], tmp_path: Path
):
    topics = own_topics(topic)
    summary = run(bounded(kafka, topics, tmp_path)).as_json()
    records = on_topics(kafka.bootstrap, topics)
    assert records == in_truth(tmp_path, topics)
    assert summary["produced"] == len(records) > 20_000
    for stream, expected in expect(tmp_path).items():
        told: Any = summary["streams"]
        assert expected.outcomes == expected.labelled == told[stream]["outcomes"]
        assert expected.rows == told[stream]["rows"]


def test_a_bounded_run_is_the_same_run_each_time(kafka: Kafka, topic: Callable[[], str], tmp_path: Path):
    ids = []
    for name in ("one", "two"):
        topics = own_topics(topic)
        run(bounded(kafka, topics, tmp_path / name, events=3_000))
        ids.append(on_topics(kafka.bootstrap, topics))
    assert ids[0] == ids[1]


def test_a_bounded_run_refuses_a_folder_with_the_truth_of_another(
    kafka: Kafka, topic: Callable[[], str], tmp_path: Path
):
    options = bounded(kafka, own_topics(topic), tmp_path, events=100)
    run(options)
    with pytest.raises(LocalError, match="truth of another run"):
        run(options)


def test_a_live_run_ends_when_told_and_its_successor_goes_on(kafka: Kafka, topic: Callable[[], str], tmp_path: Path):
    topics = own_topics(topic)
    events = []
    for _ in range(2):
        stop = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(run, live(kafka, topics, tmp_path), stop)
            before = len(in_truth(tmp_path, topics))
            await_until(lambda before=before: len(in_truth(tmp_path, topics)) > before)
            stop.set()
            events.append(running.result(DEADLINE_SECONDS).events)
    assert min(events) > 0
    assert on_topics(kafka.bootstrap, topics) == in_truth(tmp_path, topics)
    expected = expect(tmp_path)
    assert all(stream.outcomes == stream.labelled for stream in expected.values())
    ids = expected["auctions"].table["id"].to_pylist()
    assert len(set(ids)) == expected["auctions"].outcomes["published"] + expected["auctions"].outcomes["quarantined"]


def test_a_producer_pauses_while_the_hold_file_exists(kafka: Kafka, topic: Callable[[], str], tmp_path: Path):
    topics, hold, stop = own_topics(topic), tmp_path / "hold", threading.Event()
    hold.touch()
    folder = tmp_path / "truth"
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run, replace(live(kafka, topics, folder), hold_file=hold), stop)
        await_until(folder.exists)
        assert not stop.wait(1.5)
        assert in_truth(folder, topics) == {}
        hold.unlink()
        await_until(lambda: in_truth(folder, topics))
        stop.set()
        running.result(DEADLINE_SECONDS)


def test_somebody_else_who_writes_to_the_topics_is_noticed(kafka: Kafka, topic: Callable[[], str], tmp_path: Path):
    topics = own_topics(topic)
    foreign = encode_blocks(
        RecordColumns(
            keys=pa.array([b"1"], pa.binary()),
            values=pa.array([b"foreign"], pa.binary()),
            timestamps=np.array([time.time_ns() // 1_000_000], np.int64),
        )
    )
    with ThreadPoolExecutor(1) as thread, BulkProducer(kafka.bootstrap) as somebody:
        running = thread.submit(run, live(kafka, topics, tmp_path))
        await_until(lambda: in_truth(tmp_path, topics))
        somebody.send({(topics[0].name, partition): foreign for partition in range(topics[0].partitions)})
        with pytest.raises(LocalError, match="the next offset was to be"):
            running.result(DEADLINE_SECONDS)


def test_a_killed_producer_leaves_a_truth_that_its_successor_makes_whole(kafka: Kafka, tmp_path: Path):
    """As a process of its own, on the declared topics: other tests may have written there before."""
    command = [sys.executable, "-m", "analytics_platform.local.auction_house", "--bootstrap", kafka.bootstrap]
    command += ["--rate", "20000", "--duplicates", "0.05", "--malformed", "0.05", "--truth", str(tmp_path)]
    since: dict[tuple[str, int], int] = {}
    for ending in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        before = len(in_truth(tmp_path, TOPICS))
        with subprocess.Popen([*command, "--summary", str(tmp_path / "summary.json")], stderr=subprocess.PIPE) as child:
            await_until(lambda enough=before + 15_000: len(in_truth(tmp_path, TOPICS)) > enough)  # more than recovered
            os.kill(child.pid, ending)
            _, told = child.communicate(timeout=DEADLINE_SECONDS)
        for kind, partition, sequence in in_truth(tmp_path, TOPICS):
            place = (kind, partition)
            since[place] = min(sequence, since.get(place, sequence))
    assert child.returncode == 0, told.decode()
    assert json.loads((tmp_path / "summary.json").read_text())["produced"] > 0
    assert not list(tmp_path.glob("*.pending"))
    assert on_topics(kafka.bootstrap, TOPICS, since=since) == in_truth(tmp_path, TOPICS)
