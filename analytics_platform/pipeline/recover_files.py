"""Mending a table's files: what can be decided or computed anew is, and bronze is read from Kafka once more."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DamagedTableError, OffsetsLostError, TopicChangedError, UnrepairableError
from analytics_platform.facts import OPEN_STATES, Batch, BatchId, Manifest
from analytics_platform.lake.delta_log import ASIDE
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.parquet import Damage, Fault
from analytics_platform.lake.shapes import BRONZE_COLUMNS, DataFile, Layer, hashed
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import planning, publication, rework
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform.pipeline.land import with_batch
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.protect import protection_of
from analytics_platform.pipeline.record import record_again, record_manifests
from analytics_platform.pipeline.recover_models import mark_everything, mark_readers
from analytics_platform.pipeline.recover_tables import held, rows_of

WHO = "ap table repair"
PART_BYTES = 64 << 20


def repair_files(name: str, parts: Parts, *, from_kafka: bool, deep: bool) -> list[str]:
    """Mend the table's damaged files; a sentence for each thing done or ordered, none if nothing is damaged.

    Raises UnrepairableError, and changes nothing, if rows of bronze are neither here nor in Kafka.
    """
    with held(parts, WHO) as lease:
        table = parts.tables.written()[name]
        damaged = table.damaged(table.files(), deep=deep)
        stream, _, layer = name.partition("/")
        if not damaged:
            return []
        if name == parts.tables.manifests.shape.name:
            return _again_from_ledger(table, damaged, lease, parts)
        if name in parts.pipeline.model_names:
            return _recomputed(table, damaged, lease, parts)
        if layer == Layer.BRONZE:
            return _again_from_kafka(table, damaged, lease, parts, from_kafka=from_kafka)
        return _rejudged(stream, table, damaged, parts)


def _again_from_ledger(table: Table, damaged: Sequence[Damage], lease: Lease, parts: Parts) -> list[str]:
    _move_aside(table, damaged)
    for found in damaged:
        record_again(found.file, lease, parts)
    return [f"{_name(found, table)}: written again from the ledger" for found in damaged]


def _recomputed(table: Table, damaged: Sequence[Damage], lease: Lease, parts: Parts) -> list[str]:
    """A model's files are dropped once its grains are marked: the next cycle computes them."""
    model = parts.pipeline.model(table.shape.name)
    mark_everything(model, f"{len(damaged)} damaged files", parts)
    mark_readers(model, f"{len(damaged)} damaged files of {model.name}", parts)
    table.drop([found.file for found in damaged], epoch=lease.epoch)
    return [f"{_name(found, table)}: dropped; the next run computes its rows again" for found in damaged]


def _rejudged(stream: str, table: Table, damaged: Sequence[Damage], parts: Parts) -> list[str]:
    """Batches with rows in those files are judged again, each with its own pins, by the next lease."""
    _move_aside(table, damaged)
    batches = _batches_in([found.file for found in damaged], stream, parts)
    order = Order(
        pipeline=parts.pipeline.name,
        kind=Kind.REEXECUTE,
        requested_by=WHO,
        reason=f"{len(damaged)} damaged files of {table.shape.name}",
        requested_at=parts.now(),
        batches=tuple(batch.id for batch in batches if batch.state not in OPEN_STATES),  # a lease judges those anyway
        assets=(f"{stream}/{Layer.SILVER}", f"{stream}/{Layer.EXCEPTIONS}"),
    )
    given = rework.give(parts.ledger, order)
    return [f"{_name(found, table)}: its batches are judged again by order {given}" for found in damaged]


def _again_from_kafka(
    table: Table, damaged: Sequence[Damage], lease: Lease, parts: Parts, *, from_kafka: bool
) -> list[str]:
    stream = table.shape.name.partition("/")[0]
    files = [found.file for found in damaged]
    batches = _batches_in(files, stream, parts)
    if not from_kafka:
        where = "; ".join(_name(found, table) for found in damaged)
        problem = f"{where}: {len(batches)} batches are read from Kafka again by `--from kafka`, while it has them"
        raise DamagedTableError(table.shape.name, problem)
    rows = _fetched(batches, table.shape.name, parts)
    numbers = pa.array([batch.id.number for batch in batches], pa.int64())
    healthy = [f for f in _files_of(batches, table) if f.path not in {damage.path for damage in files}]
    kept = read_files(parts.query, table.uris(healthy), table.shape.columns)
    kept = kept.filter(pc.invert(pc.is_in(kept["batch"], value_set=numbers)))
    before = table.version
    _move_aside(table, damaged)
    table.replace([*files, *healthy], [*_parts([kept, *rows])], decided_on=before, epoch=lease.epoch)
    _publish(table, before, lease, parts)
    return [f"{_name(found, table)}: read from Kafka again, equal to what was landed" for found in damaged]


def _fetched(batches: Sequence[Batch], table: str, parts: Parts) -> list[pa.Table]:
    """The batches' records from Kafka; UnrepairableError naming every range that is not what was landed."""
    topic = parts.pipeline.stream(table.partition("/")[0]).topic
    numbers = [batch.id.number for batch in batches]
    manifests = publication.manifests_of(parts.ledger, table.partition("/")[0], numbers)
    found, lost = [], []
    for batch in batches:
        try:
            chunks = list(parts.reader.fetch(topic, batch.ranges)) if batch.ranges else []
            if (protected := protection_of(batch, parts)) is not None:
                chunks = [protected(chunk) for chunk in chunks]
        except (OffsetsLostError, TopicChangedError) as error:
            lost.append(_range(batch, topic, str(error)))
            continue
        rows = [with_batch(chunk, batch.id.number).cast(BRONZE_COLUMNS) for chunk in chunks]
        if _is_what_was_landed(rows, batch, manifests.get(batch.id.number)):
            found += rows
        else:
            lost.append(_range(batch, topic, "what Kafka has now is not what was landed"))
    if lost:
        raise UnrepairableError(table, lost)
    return found


def _is_what_was_landed(rows: Sequence[pa.Table], batch: Batch, manifest: Manifest | None) -> bool:
    """By the content hash in its manifest; a batch that has none yet, by how many rows were landed."""
    if manifest is None:
        return batch.landed_rows in (None, sum(part.num_rows for part in rows))
    whole = sum(fingerprint(hashed(part)) for part in rows) % 2**64
    return whole == manifest.hashes[Layer.BRONZE]


def _range(batch: Batch, topic: str, why: str) -> str:
    ranges = ", ".join(f"{topic}-{r.partition} [{r.start}, {r.end})" for r in batch.ranges)
    return f"batch {batch.id}, {ranges}: {why}"


def _batches_in(files: Iterable[DataFile], stream: str, parts: Parts) -> list[Batch]:
    """The batches that were landed and may have rows in those files, in order."""
    spans = [(file.low["batch"], file.high["batch"]) for file in files]
    found: dict[BatchId, Batch] = {}
    for low, high in spans:
        found |= {
            b.id: b for b in planning.batches_between(parts.ledger, stream, low, high) if b.landed_rows is not None
        }
    return [found[id] for id in sorted(found)]


def _files_of(batches: Sequence[Batch], table: Table) -> list[DataFile]:
    numbers = [batch.id.number for batch in batches]
    return [f for f in table.files() if any(f.low["batch"] <= number <= f.high["batch"] for number in numbers)]


def _parts(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows as files of a moderate size, each in the order of coordinates."""
    group: list[pa.Table] = []
    for rows in tables:
        group.append(rows)
        if sum(part.nbytes for part in group) >= PART_BYTES:
            yield _sorted(group)
            group = []
    if group:
        yield _sorted(group)


def _sorted(group: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(group).sort_by([(name, "ascending") for name in ("batch", "partition", "offset")])


def _publish(table: Table, before: int, lease: Lease, parts: Parts) -> None:
    """Show readers the mended table at once, if what they had was its last version; else the next cycle does."""
    public = publication.published_versions(parts.ledger, parts.pipeline.name)
    if public.get(table.shape.name) == before:
        versions = {**public, table.shape.name: table.version}
        cycle = publication.Cycle(manifests=(), versions=versions, seen_marks={}, published_at=parts.now())
        publication.publish(parts.ledger, lease, record_manifests(cycle, lease, parts))


def _move_aside(table: Table, damaged: Sequence[Damage]) -> None:
    """Take damaged files away: that they are missing is seen by everyone, that they lie only by who reads them."""
    folder = table.root / ASIDE
    folder.mkdir(exist_ok=True)
    for found in damaged:
        if found.fault is not Fault.MISSING:
            (table.root / found.file.path).rename(folder / found.file.path)


def _name(found: Damage, table: Table) -> str:
    return f"{table.shape.name}/{found.file.path} ({rows_of(found.file, table.shape)}) was {found.fault}"
