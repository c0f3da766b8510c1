"""Upkeep of a pipeline that no lease works on, and how its tables are kept, for whoever looks after them.

A lease does its own upkeep. Where none comes, rows would outlive their retention and files their readers.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from analytics_platform.lake.condition import Condition, small
from analytics_platform.lake.fold import passes_with_time
from analytics_platform.lake.log import dead_entries, entries
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.record import require_known
from analytics_platform.pipeline.recover_tables import held

MOST_SECONDS = 5.0  # of folding at a time: a lease that is asked for meanwhile waits that long
GRACE_HOURS = 2  # upkeep comes once an hour, and this looks once an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done; nothing where a lease holds the lock, or did it within the hour."""

    is_ours: bool = False
    folded: int = 0


def maintain(parts: Parts, run_id: str) -> Done:
    """Do a lease's upkeep if nobody has done it for an hour, in bounded steps under the pipeline's lock."""
    if leases.is_locked(parts.ledger, parts.pipeline.name):
        return Done()
    with held(parts, run_id) as lease:
        require_known(parts)
        if planning.open_batches(parts.ledger, parts.pipeline.stream_names):
            return Done()  # a lease is about to come for them
        if not leases.claim_upkeep(parts.ledger, lease, parts.now()):
            return Done()
        until, folded = time.monotonic() + MOST_SECONDS, 0
        while time.monotonic() < until and upkeep.fold_one(parts, lease):
            folded += 1
        upkeep.clean(parts, lease)
    return Done(is_ours=True, folded=folded)


def conditions(parts: Parts) -> Iterator[Condition]:
    """How each of the pipeline's tables is, by what readers see now; changes nothing."""
    oldest = publication.oldest_versions(parts.ledger, parts.pipeline.name)
    newest = publication.published_versions(parts.ledger, parts.pipeline.name)
    for name, table in parts.tables.by_name.items():
        table.refresh()
        if name in newest:
            yield _condition(table, oldest[name], newest[name], is_folded=_is_folded(name, parts))


def _condition(table: Table, oldest: int, newest: int, *, is_folded: bool) -> Condition:
    files = table.files()
    return Condition(
        table=table.shape.name,
        files=len(files),
        bytes=sum(file.size for file in files),
        small_files=small(files) if is_folded else None,
        log_entries=len(entries(table.root)),
        dead_entries=len(dead_entries(table.root, oldest)),
        unread_files=len(table.unread(upkeep.FILES_KEPT_HOURS + GRACE_HOURS, keep_version=newest)),
    )


def _is_folded(name: str, parts: Parts) -> bool:
    """A stream's tables are, and those of models whose grains pass with time."""
    return name not in parts.pipeline.model_names or passes_with_time(parts.pipeline.model(name).grain)
