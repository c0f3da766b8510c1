"""Truth first, then the broker, then the acknowledgement: one chunk is under way while the next is built."""

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from analytics_platform.errors import LocalError
from analytics_platform.ingest.kafka.produce import BulkProducer, Place
from analytics_platform.local.auction_house.chunk import Chunk, Topic
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.local.auction_house.truth import Progress, TruthFolder

POLL_SECONDS = 0.25
LAST_WORD_SECONDS = 5.0  # how long a producer that was told to stop waits for its last acknowledgement


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A chunk whose truth is pending, and where its records are meant to go."""

    chunk: Chunk
    progress: Progress
    starts: Mapping[Place, int]
    offsets: Future[dict[Place, int]]


class Delivery:
    """Delivers chunks in order; counts what was acknowledged, by stream and fault."""

    def __init__(
        self, folder: TruthFolder, producer: BulkProducer, topics: tuple[Topic, ...], stop: threading.Event
    ) -> None:
        self.folder, self._producer, self._stop = folder, producer, stop
        self.ends = producer.ends([topic.name for topic in topics])
        self.planted: dict[Kind, Counter[str]] = {topic.kind: Counter() for topic in topics}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="send")
        self._under_way: UnderWay | None = None

    @property
    def produced(self) -> int:
        """How many records were acknowledged."""
        return sum(faults.total() for faults in self.planted.values())

    def put(self, chunk: Chunk, progress: Progress) -> None:
        """Write the chunk's truth, wait for the chunk before, and start to send."""
        self.folder.write_pending(chunk.truth, progress)
        self.settle()
        starts = {place: self.ends[place] for place in chunk.blocks}
        for place, blocks in chunk.blocks.items():
            self.ends[place] += sum(block.records for block in blocks)
        offsets = self._thread.submit(self._producer.send, chunk.blocks)
        self._under_way = UnderWay(chunk=chunk, progress=progress, starts=starts, offsets=offsets)

    def settle(self) -> None:
        """Wait until the chunk under way is acknowledged, and let its truth count."""
        if self._under_way is None:
            return
        sent, self._under_way = self._under_way, None
        self._wait(sent.offsets)
        _require_expected(sent.starts, sent.offsets.result())
        self.folder.settle(sent.chunk.truth, sent.progress)
        for kind, truth in sent.chunk.truth.items():
            self.planted[kind] += _count(truth["fault"])

    def _wait(self, offsets: Future[dict[Place, int]]) -> None:
        """Until the future is done; once told to stop, for a few seconds more."""
        patience_seconds = LAST_WORD_SECONDS
        while wait([offsets], POLL_SECONDS).not_done:
            if self._stop.is_set():
                patience_seconds -= POLL_SECONDS
            if patience_seconds <= 0:
                self._producer.close()  # which ends the sending

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close()
        self._thread.shutdown()


def _require_expected(meant: Mapping[Place, int], given: Mapping[Place, int]) -> None:
    for place, offset in meant.items():
        if given[place] != offset:
            topic, partition = place
            raise LocalError(
                "auction house",
                f"{topic}-{partition}: the next offset was to be {offset}, the broker gave {given[place]}",
                "stop whatever else writes to this topic, then start again",
            )


def _count(faults: pa.ChunkedArray) -> Counter[str]:
    """How often each label occurs in a dictionary-encoded column."""
    counts: Counter[str] = Counter()
    for part in faults.chunks:
        found = np.bincount(part.indices.to_numpy(), minlength=len(part.dictionary))
        counts.update(dict(zip(part.dictionary.to_pylist(), found.tolist(), strict=True)))
    return +counts
