"""Settles what a producer that was killed left behind: the truth keeps exactly what the topic holds."""

import threading
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.records import RecordReader, header_text
from analytics_platform.local.auction_house.chunk import Topic
from analytics_platform.local.auction_house.truth import TruthFile, TruthFolder, finish_merge, write_whole

SETTLE_SECONDS = 1.0  # what the dead producer's kernel still delivers arrives within this time


def recover(
    folder: TruthFolder, reader: RecordReader, topics: Iterable[Topic], *, settle_seconds: float = SETTLE_SECONDS
) -> int:
    """Make the folder tell the truth again; returns how many chunks were pending.

    A pending record counts if the topic holds its event at the offset it was meant for, as one producer per topic
    makes sure of.
    """
    by_kind = {topic.kind: topic for topic in topics}
    for file in folder.files():
        if file.state == "part":
            file.path.unlink()
        if file.state == "merged":
            finish_merge(folder, file.path)
    pending = [file for file in folder.files() if file.state == "pending"]
    if pending:
        _wait_until_quiet(reader, [topic.name for topic in by_kind.values()], settle_seconds)
    for file in pending:
        _settle(file, by_kind[file.kind].name, reader)
    return len(pending)


def _wait_until_quiet(reader: RecordReader, topics: list[str], seconds: float) -> None:
    before, now = None, reader.offsets(topics)
    while now != before:
        threading.Event().wait(seconds)
        before, now = now, reader.offsets(topics)


def _settle(file: TruthFile, topic: str, reader: RecordReader) -> None:
    truth = pq.read_table(file.path)
    kept = truth.filter(pa.array(_is_on_topic(truth, topic, reader).tolist(), pa.bool_()))
    settled = file.path.with_suffix(".parquet")
    if kept.num_rows:
        write_whole(kept, settled)
    file.path.unlink()


def _is_on_topic(truth: pa.Table, topic: str, reader: RecordReader) -> NDArray[np.bool_]:
    """Which rows the topic holds, at their very offsets."""
    found: set[tuple[int, int, str]] = set()
    ranges = [r for here in reader.offsets([topic])[topic] for r in _overlap(truth, here)]
    for records in reader.fetch(topic, ranges) if ranges else ():
        ids = header_text(records, "event_id").to_pylist()
        found.update(zip(records["partition"].to_pylist(), records["offset"].to_pylist(), ids, strict=True))
    rows = zip(*(truth[name].to_pylist() for name in ("partition", "sequence", "event_id")), strict=True)
    return np.array([row in found for row in rows], bool)


def _overlap(truth: pa.Table, here: PartitionOffsets) -> list[OffsetRange]:
    """The offsets that the truth names and the partition has."""
    partitions, sequences = truth["partition"].to_numpy(), truth["sequence"].to_numpy()
    meant = sequences[partitions == here.partition]
    if not len(meant):
        return []
    start, end = max(int(meant.min()), here.first), min(int(meant.max()) + 1, here.stable_end)
    if start >= end:
        return []
    return [OffsetRange(topic_id=here.topic_id, partition=here.partition, start=start, end=end)]
