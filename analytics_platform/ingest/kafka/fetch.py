"""Reads a topic in bulk: raw fetches through kafka-python, record batches decoded to Arrow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

import pyarrow as pa

from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.records import CHUNK_BYTES


class KafkaReader:
    """The RecordReader for production; owns one client with one background thread (create it after a fork)."""

    def __init__(self, bootstrap: str, *, patience_seconds: float = 15.0) -> None:
        self.bootstrap, self.patience_seconds = bootstrap, patience_seconds

    def offsets(self, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
        """What is stable now, by topic, in partition order."""
        ...

    def fetch(self, topic: str, ranges: Sequence[OffsetRange], chunk_bytes: int = CHUNK_BYTES) -> Iterator[pa.Table]:
        """The records of the ranges; see RecordReader."""
        ...

    def wait_for_data(self, positions: Mapping[str, Mapping[int, int]], timeout: float) -> bool:
        """Wait until an offset at or after one of the positions is stable, or `timeout` seconds have passed."""
        ...

    def close(self) -> None:
        """Close the client; the reader cannot be used again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
