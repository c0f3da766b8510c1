"""Checks that fail now and that nobody has settled: kept in the transaction that publishes their verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics_platform.facts import BatchId, BatchState, Manifest, Verdict
from analytics_platform.ledger.rework import state_of
from analytics_platform.product import Severity

ADD = """
    insert into failing (asset, check_name, stream, number, severity, column_name, detail, holds, freezes, since)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (asset, check_name, stream, number)
    do update set severity = excluded.severity, detail = excluded.detail, holds = excluded.holds,
        freezes = excluded.freezes
"""
# The batch itself no longer fails it; or a later batch passes it, and nothing is kept back for the earlier one.
DROP = """
    delete from failing where stream = %(stream)s and (
        (number = %(number)s and not (asset || ' ' || check_name) = any(%(failed)s))
        or (0 < number and number < %(number)s and not holds and (asset || ' ' || check_name) = any(%(passed)s)))
    returning asset, check_name
"""
ADD_SETTLED = "insert into outbox (kind, key, body, created_at) values ('settled', %s, %s, %s)"
COLUMNS = "asset, check_name, stream, number, severity, column_name, detail, since"


def note(connection: psycopg.Connection, manifest: Manifest, at: datetime) -> None:
    """Have what fails follow a manifest that is being published; what no longer fails is told of in the outbox."""
    stream, number = manifest.batch.stream, manifest.batch.number
    is_settled = manifest.resolution is not None
    failed = [] if is_settled else [v for v in manifest.verdicts if not v.passed]
    passed = [v for v in manifest.verdicts if v.passed]
    values = {"stream": stream, "number": number, "failed": _names(failed), "passed": _names(passed)}
    gone = connection.execute(DROP, values).fetchall()
    is_held = state_of(manifest) is BatchState.HELD
    for verdict in failed:
        freezes = verdict.freezes and not is_held
        holds = freezes or (is_held and verdict.severity == Severity.ERROR)
        _add(connection, verdict, manifest.batch, at, holds=holds, freezes=freezes)
    if gone:
        body = Jsonb({"checks": sorted({f"{asset}: {check}" for asset, check in gone})})
        connection.execute(ADD_SETTLED, [str(manifest.batch), body, at])


def note_table(connection: psycopg.Connection, product: str, verdicts: Sequence[Verdict], at: datetime) -> None:
    """The same for the checks of a published table, of a stream or model of that name: all of them at once."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    with connection.transaction():
        before = set(
            connection.execute(
                "select asset || ' ' || check_name from failing where stream = %s and number = 0", [product]
            ).fetchall()
        )
        connection.execute(
            "delete from failing where stream = %s and number = 0 and not (asset || ' ' || check_name) = any(%s)",
            [product, _names(failed)],
        )
        for verdict in failed:
            _add(connection, verdict, BatchId(stream=product, number=0), at, holds=False, freezes=False)
        if before != {(name,) for name in _names(failed)}:
            body = Jsonb({"failed": [f"{v.asset}: {v.check}" for v in failed]})
            connection.execute(
                "insert into outbox (kind, key, body, created_at) values ('verdict', %s, %s, %s)", [product, body, at]
            )


def all_failing(connection: psycopg.Connection) -> list[Mapping[str, Any]]:
    """Everything that fails now, oldest first."""
    rows = connection.execute(f"select {COLUMNS} from failing order by since, asset, check_name, number").fetchall()
    names = ("asset", "check", "stream", "number", "severity", "column", "detail", "since")
    return [dict(zip(names, row, strict=True)) for row in rows]


def freezing(connection: psycopg.Connection, streams: Sequence[str]) -> list[tuple[BatchId, str | None]]:
    """The published batches of which somebody must decide before models go on, each with a column that it broke."""
    rows = connection.execute(
        "select stream, number, column_name from failing where freezes and stream = any(%s) order by 1, 2, 3",
        [list(streams)],
    ).fetchall()
    return [(BatchId(stream=stream, number=number), column) for stream, number, column in rows]


def _add(
    connection: psycopg.Connection, verdict: Verdict, batch: BatchId, at: datetime, *, holds: bool, freezes: bool
) -> None:
    about = [verdict.severity, verdict.column, verdict.detail, holds, freezes, at]
    connection.execute(ADD, [verdict.asset, verdict.check, batch.stream, batch.number, *about])


def _names(verdicts: Iterable[Verdict]) -> list[str]:
    return [f"{verdict.asset} {verdict.check}" for verdict in verdicts]
