"""What a backfill would do, before it does it: is its source there, how much is it, what does it touch. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from analytics_platform.facts import Batch, Manifest, OffsetRange
from analytics_platform.product import Pipeline

ONE_HOUR = timedelta(hours=1)


class Source(StrEnum):
    """Where the rows of a batch can be read."""

    BRONZE = "bronze"
    NOT_LANDED = "not landed yet"  # left to the next lease
    ONLY_IN_KAFKA = "only in Kafka"  # bronze has lost it, the topic still has it
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSource:
    """A batch, its rows, and where they can be read."""

    batch: Batch
    rows: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A backfill that has not been ordered: its batches by source, its rows, how long it may take, what it touches."""

    pipeline: str
    streams: tuple[str, ...]
    hours: tuple[datetime, ...]
    batches: int
    rows: int
    minutes: float | None
    assets: tuple[str, ...]
    by_source: Mapping[str, int]
    not_in_bronze: tuple[str, ...]

    @property
    def is_possible(self) -> bool:
        """Whether every batch that was landed can be read from bronze."""
        return not any(self.by_source.get(source, 0) for source in (Source.ONLY_IN_KAFKA, Source.GONE))


def hours_between(start: datetime, end: datetime) -> list[datetime]:
    """The hours that begin before `end`, from the one that holds `start` on."""
    first = start.replace(minute=0, second=0, microsecond=0)
    return [first + place * ONE_HOUR for place in range(-(-(end - first) // ONE_HOUR))]


def source_of(batch: Batch, *, in_bronze: bool, first_kept: Mapping[tuple[UUID, int], int]) -> Source:
    """Where a batch can be read; `first_kept` is the first offset that Kafka has, by topic id and partition."""
    if batch.landed_rows is None:
        return Source.NOT_LANDED
    if in_bronze or not batch.landed_rows:
        return Source.BRONZE
    kept = all(_is_kept(r, first_kept) for r in batch.ranges)
    return Source.ONLY_IN_KAFKA if kept else Source.GONE


def _is_kept(offsets: OffsetRange, first_kept: Mapping[tuple[UUID, int], int]) -> bool:
    first = first_kept.get((offsets.topic_id, offsets.partition))
    return first is not None and first <= offsets.start


def sourced(
    batches: Iterable[Batch],
    manifests: Iterable[Manifest],
    in_bronze: Mapping[str, set[int]],
    first_kept: Mapping[tuple[UUID, int], int],
) -> list[BatchSource]:
    """Each batch with its rows (of the manifest, else as landed) and its source; `in_bronze` are numbers by stream."""
    rows = {manifest.batch: manifest.rows for manifest in manifests}
    return [
        BatchSource(
            batch=batch,
            rows=rows.get(batch.id, batch.landed_rows or 0),
            source=source_of(
                batch, in_bronze=batch.id.number in in_bronze.get(batch.id.stream, set()), first_kept=first_kept
            ),
        )
        for batch in batches
    ]


def estimate(
    pipeline: Pipeline, name: str, hours: Sequence[datetime], found: Sequence[BatchSource], rate: float | None
) -> Estimate:
    """What a backfill of that stream or model would be; `rate` in rows a second, None if nothing is known yet."""
    rows = sum(batch.rows for batch in found)
    lost = [f for f in found if f.source in (Source.ONLY_IN_KAFKA, Source.GONE)]
    return Estimate(
        pipeline=pipeline.name,
        streams=streams_of(pipeline, name),
        hours=tuple(hours),
        batches=len(found),
        rows=rows,
        minutes=round(rows / rate / 60, 1) if rate else None,
        assets=assets_of(pipeline, name),
        by_source={source: sum(f.source is source for f in found) for source in Source},
        not_in_bronze=tuple(f"{f.batch.id} {_spans(f.batch)}: {f.source}" for f in lost),
    )


def _spans(batch: Batch) -> str:
    return " ".join(f"{r.partition}:[{r.start},{r.end})" for r in batch.ranges)


def streams_of(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    """The stream itself, or the streams that a model is computed from, through other models too."""
    if name in pipeline.stream_names:
        return (name,)
    inputs = {model.name: model.inputs for model in pipeline.models}
    found, wanted = set[str](), [name]
    while wanted:
        one = wanted.pop()
        if one in inputs:
            wanted.extend(inputs[one])
        else:
            found.add(one)
    return tuple(sorted(found))


def assets_of(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    """What a backfill of that stream or model touches: its tables, and every model downstream, in order of lineage."""
    touched = {name}
    for model in pipeline.models:  # in the order of lineage
        if touched & set(model.inputs):
            touched.add(model.name)
    tables = [f"{name}/silver", f"{name}/exceptions"] if name in pipeline.stream_names else []
    return (*tables, *(model.name for model in pipeline.models if model.name in touched))
