"""Rows that came in a schema before it was published: judged again, without being asked, once it is.

They wait in exceptions with their bytes and coordinates, or with all of their batch where it was held. Whoever plans
gives the order, and a lease executes it like any other: the rows get their place among copies of the same event, as if
they had been readable at once, and a batch that was held for their sake is published.
"""

import logging
from datetime import datetime

import duckdb

from analytics_platform.errors import DamagedTableError
from analytics_platform.facts import BatchState, StreamSchemas
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import planning, redriven, rework
from analytics_platform.ledger.redrive import THE_REGISTRY
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.schema_checks import UNKNOWN

JUDGED = (BatchState.PUBLISHED, BatchState.HELD)
log = logging.getLogger(__name__)
WAITING = """
    select distinct batch from read_parquet($uris, union_by_name = true)
    where outcome = 'quarantined' and list_contains($reasons, reason) order by 1
"""


def redrive_published(parts: Parts) -> list[str]:
    """Order what waited for schemas that are published by now; returns the orders' ids.

    To be called only while nobody judges with older schemas: by who holds the lease, between two cycles, or by who
    plans while nobody does. Each change of the registry is looked at once.
    """
    name, change = parts.pipeline.name, parts.followed.change
    if parts.followed.redriven == change or redriven.looked_up_to(parts.ledger, name) >= change:
        parts.followed.redriven = change
        return []
    orders = [order for stream in parts.pipeline.stream_names if (order := _order(stream, parts, parts.now()))]
    given = [rework.give(parts.ledger, order) for order in orders]
    redriven.remember(parts.ledger, name, change)  # last: killed before, the same orders are given again
    parts.followed.redriven = change
    for order in orders:
        log.info("rows.redriven", extra={"order": order.id, "batches": len(order.batches), "reason": order.reason})
    return given


def _order(stream: str, parts: Parts, now: datetime) -> Order | None:
    """The order for a stream's batches that hold such rows; None if none does."""
    numbers = sorted({*_waiting(stream, parts), *redriven.held_with_unknown(parts.ledger, stream)})
    known = planning.batches_numbered(parts.ledger, stream, numbers)
    batches = tuple(batch.id for batch in known if batch.state in JUDGED)
    if not batches:
        return None
    version = parts.schemas[stream].reader.version
    return Order(
        id=f"redrive-{stream}-{parts.followed.change}",
        pipeline=parts.pipeline.name,
        kind=Kind.REDRIVE,
        requested_by=THE_REGISTRY,
        reason=f"the schema that their rows waited for is published (the reader is version {version})",
        requested_at=now,
        batches=batches,
    )


def _waiting(stream: str, parts: Parts) -> list[int]:
    table = parts.tables.of(stream, Layer.EXCEPTIONS)
    table.refresh()
    if not table.files():
        return []
    asked = {"uris": table.uris(table.files()), "reasons": reasons(parts.schemas[stream])}
    try:
        return [number for (number,) in parts.query.execute(WAITING, asked).fetchall()]
    except duckdb.Error as error:
        raise DamagedTableError(table.shape.name, "a file cannot be read") from error


def reasons(schemas: StreamSchemas) -> list[str]:
    """What was wrong with rows that can be read by now, by their id or by their GUID."""
    known = schemas.writers.values()
    return [f"{UNKNOWN}{schema.id}" for schema in known] + [f"{UNKNOWN}{schema.guid}" for schema in known]
