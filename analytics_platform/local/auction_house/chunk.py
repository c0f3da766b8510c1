"""A stretch of the sequence, as record batches for the broker and as the truth about them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from analytics_platform.ingest.at_source import AtSource
from analytics_platform.ingest.encode_batch import RecordBlock, RecordColumns, encode_blocks
from analytics_platform.ingest.records import int_array
from analytics_platform.local.auction_house.bodies import decimal_text, encode_values
from analytics_platform.local.auction_house.chance import Chance, Longs
from analytics_platform.local.auction_house.faults import Fault, Shares, label
from analytics_platform.local.auction_house.fields import Fields, fields_of, key_ids
from analytics_platform.local.auction_house.headers import event_ids, traceparents
from analytics_platform.local.auction_house.partition import partitions_of
from analytics_platform.local.auction_house.plan import Kind, Places, Rows, plan_rows
from analytics_platform.local.auction_house.pools import Pick, Pool, pool_of
from analytics_platform.local.auction_house.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Where the events of one kind go."""

    kind: Kind
    name: str
    partitions: int
    schema_id: int
    is_json: bool
    at_source: AtSource | None = None  # protects what leaves, where something is to be


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that decides what is produced."""

    topics: tuple[Topic, ...]
    chance: Chance
    shares: Shares
    timeline: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one stretch comes to: blocks by topic and partition, and the truth by kind."""

    blocks: Mapping[tuple[str, int], list[RecordBlock]]
    truth: Mapping[Kind, pa.Table]
    rows: int


Ends = Mapping[tuple[str, int], int]


@cache
def fault_labels(is_json: bool) -> Pool:
    """What the truth calls each fault, by its number."""
    return pool_of(label(fault, is_json=is_json) for fault in Fault)


def build_chunk(house: House, places: Places, first_order: int, ends: Ends, sent_ms: int) -> Chunk:
    """The events of these places.

    Args:
        house: what decides the events.
        places: which part of the sequence.
        first_order: how many rows were emitted before.
        ends: by topic and partition, the offset that the next record will get.
        sent_ms: the timestamp of the records; the broker counts retention from it.
    """
    rows = plan_rows(places, house.timeline, house.shares, house.chance, first_order)
    blocks, truth = {}, {}
    for topic in house.topics:
        part = _Part.of(topic, rows.of_kind(topic.kind), house)
        blocks |= part.blocks(sent_ms)
        truth[topic.kind] = part.truth(ends)
    return Chunk(blocks=blocks, truth=truth, rows=len(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One stream's rows, sorted by partition; within a partition in the order of emission."""

    topic: Topic
    rows: Rows
    keys: Longs
    counts: Longs
    fields: Fields
    ids: pa.BinaryArray
    chance: Chance

    @classmethod
    def of(cls, topic: Topic, rows: Rows, house: House) -> "_Part":
        keys = key_ids(topic.kind, rows.numbers, house.chance)
        partitions = partitions_of(keys, topic.partitions)
        order = np.argsort(partitions, kind="stable")
        rows = rows.picked(order)
        return cls(
            topic=topic,
            rows=rows,
            keys=keys[order],
            counts=np.bincount(partitions, minlength=topic.partitions).astype(np.int64),
            fields=fields_of(topic.kind, rows, house.chance, house.timeline.per_second),
            ids=event_ids(rows.numbers, rows.times_ms, house.chance),
            chance=house.chance,
        )

    def blocks(self, sent_ms: int) -> dict[tuple[str, int], list[RecordBlock]]:
        """Encoded records by topic and partition; partitions without any are left out."""
        if not len(self.rows):
            return {}
        keys = decimal_text(self.keys)
        values = encode_values(self.fields, self.rows.faults, self.topic.schema_id, is_json=self.topic.is_json)
        if self.topic.at_source is not None:
            keys, values = self.topic.at_source.columns(keys, values)
        traces = traceparents(self.rows.numbers, self.chance)
        blocks = {}
        for partition, (end, count) in enumerate(zip(np.cumsum(self.counts), self.counts, strict=True)):
            here = slice(int(end - count), int(end))
            columns = RecordColumns(
                keys=keys[here],
                values=values[here],
                timestamps=np.full(int(count), sent_ms, np.int64),
                headers={"event_id": self.ids[here], "traceparent": traces[here]},
            )
            blocks[self.topic.name, partition] = encode_blocks(columns)
        return {place: found for place, found in blocks.items() if found}

    def truth(self, ends: Ends) -> pa.Table:
        """Where each record goes, what was done to it, and the payload that was meant."""
        partitions = np.repeat(np.arange(len(self.counts)), self.counts)
        starts = np.array([ends[self.topic.name, p] for p in range(len(self.counts))], np.int64)
        before = np.cumsum(self.counts) - self.counts
        columns = {
            "order": int_array(self.rows.order),
            "partition": int_array(partitions),
            "sequence": int_array(np.arange(len(self.rows)) + np.repeat(starts - before, self.counts)),
            "event_id": self.ids.cast(pa.string()),
            "fault": Pick(fault_labels(self.topic.is_json), self.rows.faults.astype(np.int32)).text(),
            **{name: f.text() if isinstance(f, Pick) else int_array(f) for name, f in self.fields.items()},
        }
        return pa.table(columns)
