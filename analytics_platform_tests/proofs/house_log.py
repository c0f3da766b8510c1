"""A topic of the auction house in memory, as a reader hands it out: so nothing of a broker is timed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np
import pyarrow as pa

from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.records import CHUNK_BYTES, RECORDS_SCHEMA, Gap, int_array

TOPIC = UUID(int=10)
OFFSET = RECORDS_SCHEMA.get_field_index("offset")


@dataclass(slots=True)
class HouseLog:
    """A RecordReader over one topic of one partition; `end` is how far it can be read now."""

    topic: str
    records: pa.Table
    chunk_rows: int
    end: int = 0

    def offsets(self, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
        """See RecordReader."""
        own = [PartitionOffsets(topic_id=TOPIC, partition=0, first=0, stable_end=self.end, end=self.end)]
        return {name: own if name == self.topic else [] for name in topics}

    def fetch(
        self,
        topic: str,
        ranges: Sequence[OffsetRange],
        chunk_bytes: int = CHUNK_BYTES,
        gaps: Counter[Gap] | None = None,
    ) -> Iterator[pa.Table]:
        """See RecordReader."""
        for planned in ranges:
            for start in range(planned.start, planned.end, self.chunk_rows):
                yield self._between(start, min(start + self.chunk_rows, planned.end))

    def _between(self, start: int, end: int) -> pa.Table:
        rows = self.records.slice(start, end - start)
        return rows.set_column(OFFSET, RECORDS_SCHEMA.field(OFFSET), int_array(np.arange(start, end)))

    def wait_for_data(self, positions: Mapping[str, Mapping[int, int]], timeout: float) -> bool:
        """See RecordReader."""
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None
