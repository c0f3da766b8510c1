"""What is wrong with a pipeline's tables on disk, and mending their logs: half-written commits and leftovers."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from analytics_platform.errors import UnrepairableError
from analytics_platform.facts import StreamSchemas
from analytics_platform.lake import shapes
from analytics_platform.lake.delta_log import LogDamage, LogFault, last_version, log_damage, set_aside
from analytics_platform.lake.shapes import DataFile, Layer, TableShape
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import rebuild
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.parts import Parts, pipeline_shapes
from analytics_platform.product import Pipeline

ORPHAN_HOURS = 2  # as long as a vacuum spares what a writer may still be about to commit
HARMLESS = ("an orphan: no version needs it", str(LogFault.LEFTOVER))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with one file of a table; `holds` says which of its rows are concerned."""

    table: str
    file: str
    fault: str
    holds: str = ""

    @property
    def is_damage(self) -> bool:
        """Whether anything is lost by it; leftovers only take room until the next vacuum."""
        return self.fault not in HARMLESS


def shapes_of(pipeline: Pipeline, schemas: Mapping[str, StreamSchemas]) -> dict[str, TableShape]:
    """By name, every table that is written for the pipeline, its manifests too."""
    recorded = shapes.manifests(pipeline.name)
    return {**pipeline_shapes(pipeline, schemas), recorded.name: recorded}


def findings(folder: Path, shape: TableShape, *, deep: bool) -> Iterator[Finding]:
    """What is wrong with a table: its log first, for without it nobody can say which files it has."""
    root = folder / shape.name
    if not root.exists():
        return
    logged = log_damage(root)
    for damage in logged:
        holds = "" if damage.version is None else f"version {damage.version}"
        yield Finding(table=shape.name, file=f"_delta_log/{damage.path.name}", fault=str(damage.fault), holds=holds)
    if any(damage.fault is not LogFault.LEFTOVER for damage in logged):
        return
    table = Table.open(folder, shape)
    for found in table.damaged(table.files(), deep=deep):
        yield Finding(table=shape.name, file=found.file.path, fault=str(found.fault), holds=rows_of(found.file, shape))
    for path in table.orphans(ORPHAN_HOURS):
        yield Finding(table=shape.name, file=path, fault=HARMLESS[0])


def rows_of(file: DataFile, shape: TableShape) -> str:
    """Which rows a file holds, by the first column that it has bounds of."""
    column = shape.bounded_by[0]
    low, high = file.low[column], file.high[column]
    return f"{column} {low}" if low == high else f"{column} {low} to {high}"


def repair_log(folder: Path, name: str, pipeline: Pipeline, ledger: psycopg.Connection) -> list[str]:
    """Set aside what is broken in a table's log, where no cut refers to it; a sentence for each file.

    Raises UnrepairableError, and changes nothing, if a commit that readers were shown is cut off or missing.
    """
    leases.ensure_pipeline(ledger, pipeline.name)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with leases.taken(ledger, pipeline.name, "table repair", hour):
        done = _set_aside(folder, name, pipeline, ledger)
    rebuild.distrust(ledger, pipeline.name)
    return done


def _set_aside(folder: Path, name: str, pipeline: Pipeline, ledger: psycopg.Connection) -> list[str]:
    root = folder / name
    damaged = log_damage(root)
    public = rebuild.newest_public(ledger, pipeline.name, name)
    if lost := [_lost(damage, public) for damage in damaged if _is_lost(damage, root, public)]:
        raise UnrepairableError(name, lost)
    done = []
    for damage in damaged:
        where = set_aside(root, damage)
        done.append(f"{name}/_delta_log/{damage.path.name}: {damage.fault}; set aside as {where}")
    if any(damage.fault is LogFault.CUT_OFF for damage in damaged):
        done += _plan_again(folder, name, ledger)
    return done


def _is_lost(damage: LogDamage, root: Path, public: int) -> bool:
    """Only the last commit may go, and only before a cut refers to it: its cycle is repeated then."""
    if damage.fault is LogFault.ABSENT:
        return True
    is_last_and_unseen = damage.version == last_version(root) and (damage.version or 0) > public
    return damage.fault is LogFault.CUT_OFF and not is_last_and_unseen


def _lost(damage: LogDamage, public: int) -> str:
    return f"version {damage.version} is {damage.fault} ({damage.path}); readers have version {public}"


def _plan_again(folder: Path, name: str, ledger: psycopg.Connection) -> list[str]:
    """Bronze without its last commit: what the ledger believes landed, and is not published, is read again."""
    stream, _, layer = name.partition("/")
    if layer != Layer.BRONZE:
        return []
    files = Table.open(folder, shapes.bronze(stream)).files()
    landed = max((file.high["batch"] for file in files), default=0)
    count = rebuild.plan_again(ledger, stream, landed)
    return [f"{name}: {count} batches after {stream}/{landed} are read from Kafka again"] if count else []


@contextmanager
def held(parts: Parts, run_id: str) -> Generator[Lease]:
    """The pipeline's lock, with every table as it is now and older writers fenced off, as a lease takes it."""
    hour = parts.now().replace(minute=0, second=0, microsecond=0)
    with leases.taken(parts.ledger, parts.pipeline.name, run_id, hour) as lease:
        for table in parts.tables.written().values():
            table.refresh()
            if not lease.is_clean:
                table.stamp(lease.epoch)
        yield lease
