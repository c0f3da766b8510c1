"""The truth folder: what counts is what the topic holds, wherever the producer was killed."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.local.auction_house import truth as truth_module
from analytics_platform.local.auction_house.chunk import Chunk
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.local.auction_house.recovery import recover
from analytics_platform.local.auction_house.truth import (
    KEPT_SECONDS,
    MERGED_AT,
    Progress,
    TruthFolder,
    finish_merge,
    write_whole,
)
from analytics_platform_tests.fakes import FakeKafka, FakeRecord
from analytics_platform_tests.local.houses import FAULTY, TOPICS, house, produce, records_of, truth_of


def settled(folder: Path, kind: Kind) -> list[dict[str, object]]:
    """All rows that count, by partition and sequence."""
    tables = [truth_module.plain_texts(pq.read_table(path)) for path in sorted(folder.glob(f"{kind}-*.parquet"))]
    rows = [row for table in tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (row["partition"], row["sequence"]))


def progress(chunk: int) -> Progress:
    return Progress(chunk=chunk, next_number=(chunk + 1) * 1_000, next_order=(chunk + 1) * 1_100)


def topic_with(chunks: list[Chunk], keep: int) -> FakeKafka:
    """A broker that holds at most `keep` records of each partition."""
    kafka = FakeKafka()
    for topic in TOPICS:
        kafka.create(topic.name, topic.partitions)
        for record in records_of(chunks, topic.kind):
            if record.sequence < keep:
                headers = tuple(record.headers.items())
                kafka.append(topic.name, record.partition, [FakeRecord(value=record.value, headers=headers)])
    return kafka


def small_table(number: int) -> pa.Table:
    return pa.table({"partition": [0], "sequence": [number], "event_id": [f"id-{number}"]})


def test_pending_truth_does_not_count_until_it_is_settled(tmp_path: Path):
    chunk, folder = produce(house(FAULTY), 1_000)[0], TruthFolder(tmp_path)
    folder.write_pending(chunk.truth, progress(0))
    assert settled(tmp_path, Kind.BIDS) == []
    folder.settle(chunk.truth, progress(0))
    assert settled(tmp_path, Kind.BIDS) == truth_of([chunk], Kind.BIDS)


@pytest.mark.parametrize("keep", [0, 1, 100, 10_000])
def test_after_a_kill_the_truth_is_exactly_what_the_topic_holds(tmp_path: Path, keep: int):
    chunks, folder = produce(house(FAULTY), 2_000, chunk_events=1_000), TruthFolder(tmp_path)
    for number, chunk in enumerate(chunks):
        folder.write_pending(chunk.truth, progress(number))
    kafka = topic_with(chunks, keep)
    assert recover(TruthFolder(tmp_path), kafka.reader(), TOPICS, settle_seconds=0) == 6
    for kind in Kind:
        assert settled(tmp_path, kind) == [row for row in truth_of(chunks, kind) if row["sequence"] < keep]
    assert recover(TruthFolder(tmp_path), kafka.reader(), TOPICS, settle_seconds=0) == 0


def test_records_of_somebody_else_at_the_same_offsets_do_not_count(tmp_path: Path):
    chunk, folder = produce(house(FAULTY), 1_000)[0], TruthFolder(tmp_path)
    folder.write_pending(chunk.truth, progress(0))
    other = topic_with(produce(house(FAULTY, seed=2), 1_000), 10_000)
    recover(folder, other.reader(), TOPICS, settle_seconds=0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_being_written_is_dropped(tmp_path: Path):
    (tmp_path / "bids-00000007.part").write_bytes(b"half")
    recover(TruthFolder(tmp_path), topic_with([], 0).reader(), TOPICS, settle_seconds=0)
    assert list(tmp_path.iterdir()) == []


def test_a_successor_goes_on_where_the_newest_chunk_ended(tmp_path: Path):
    folder = TruthFolder(tmp_path)
    assert folder.newest_progress() is None
    for number in (8, 9, 10):
        folder.write_pending({Kind.BIDS: small_table(number)}, progress(number))
    folder.settle({Kind.BIDS: small_table(8)}, progress(8))
    assert TruthFolder(tmp_path).newest_progress() == progress(10)


def test_many_small_files_become_one_and_say_the_same(tmp_path: Path):
    folder = TruthFolder(tmp_path, merges=True)
    for number in range(MERGED_AT + 1):
        table = {Kind.BIDS: small_table(number)}
        folder.write_pending(table, progress(number))
        folder.settle(table, progress(number))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"bids-00000000-{MERGED_AT - 1:08}.parquet",
        f"bids-{MERGED_AT:08}.parquet",
    ]
    assert [row["sequence"] for row in settled(tmp_path, Kind.BIDS)] == list(range(MERGED_AT + 1))
    assert folder.newest_progress() == progress(MERGED_AT)


def test_a_merge_that_was_cut_off_is_finished(tmp_path: Path):
    folder = TruthFolder(tmp_path)
    for number in (0, 1, 2):
        write_whole(small_table(number), tmp_path / f"bids-{number:08}.parquet")
    merged = tmp_path / "bids-00000000-00000001.merged"
    write_whole(pa.concat_tables([small_table(0), small_table(1)]), merged)
    (tmp_path / "bids-00000000.parquet").unlink()  # as far as it had come
    recover(folder, FakeKafka().reader(), TOPICS, settle_seconds=0)
    assert [row["sequence"] for row in settled(tmp_path, Kind.BIDS)] == [0, 1, 2]
    assert len(folder.files()) == 2


def test_finishing_a_merge_leaves_other_streams_alone(tmp_path: Path):
    for kind in (Kind.BIDS, Kind.PERSONS):
        write_whole(small_table(0), tmp_path / f"{kind}-00000000.parquet")
    merged = tmp_path / "bids-00000000-00000000.merged"
    write_whole(small_table(0), merged)
    finish_merge(TruthFolder(tmp_path), merged)
    assert [len(settled(tmp_path, kind)) for kind in (Kind.BIDS, Kind.PERSONS)] == [1, 1]


def test_files_older_than_a_day_are_dropped_but_never_the_newest(tmp_path: Path):
    folder = TruthFolder(tmp_path)
    for number in (0, 1, 2):
        path = tmp_path / f"bids-{number:08}.parquet"
        write_whole(small_table(number), path)
        os.utime(path, (1_000_000, 1_000_000 if number != 1 else 1_000_000 + KEPT_SECONDS))
    folder.drop_old(now=1_000_000 + KEPT_SECONDS + 1)
    assert [file.first for file in folder.files()] == [1, 2]
