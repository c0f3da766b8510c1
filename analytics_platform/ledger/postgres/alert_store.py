"""Alerts as rows: what stands, what changed, and what each destination was told."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

ALERT_LOCK = 7_205_759_403_792_794  # any constant: one deliverer folds at a time
UPSERT = """
    insert into alert (key, labels, annotations, starts_at, ends_at) values (%s, %s, %s, %s, %s)
    on conflict (key) do update set annotations = excluded.annotations, starts_at = excluded.starts_at,
        ends_at = excluded.ends_at, revision = alert.revision + 1
"""
# What a destination was not told yet; and, where it wants to hear again of what stands, what it was told long ago.
PENDING = """
    select a.key, a.labels, a.annotations, a.starts_at, a.ends_at, a.revision from alert a
    left join alert_delivery d on d.key = a.key and d.destination = %(destination)s
    where d.revision is null or d.revision < a.revision
       or (%(before)s::timestamptz is not null and d.delivered_at < %(before)s
           and (a.ends_at is null or a.ends_at > %(now)s))
    order by a.starts_at, a.key
"""
DELIVERED = """
    insert into alert_delivery (key, destination, revision, delivered_at) values (%s, %s, %s, %s)
    on conflict (key, destination) do update set revision = greatest(alert_delivery.revision, excluded.revision),
        delivered_at = excluded.delivered_at
"""
TOLD = "insert into alert_told (key, destination, revision, told_at) values (%s, %s, %s, %s) on conflict do nothing"
STANDING = "select key, labels, annotations, starts_at, ends_at from alert where ends_at is null or ends_at > %s"
NOTES = "select id, kind, key, body, created_at from outbox where delivered_at is null order by id limit %s"


def try_lock(connection: psycopg.Connection) -> bool:
    """Whether this transaction is the one that folds."""
    row = connection.execute("select pg_try_advisory_xact_lock(%s)", [ALERT_LOCK]).fetchone()
    return bool(row and row[0])


def notes(connection: psycopg.Connection, most: int) -> list[tuple[int, str, str, Mapping[str, Any], datetime]]:
    """The oldest rows of the outbox that nobody has taken over: id, kind, key, body, when."""
    return connection.execute(NOTES, [most]).fetchall()


def taken_over(connection: psycopg.Connection, ids: Sequence[int], now: datetime) -> None:
    """These rows of the outbox are in alerts now."""
    connection.execute("update outbox set delivered_at = %s where id = any(%s)", [now, list(ids)])


def standing(connection: psycopg.Connection, now: datetime) -> list[tuple[str, Mapping, Mapping, datetime, Any]]:
    """Every alert that has not ended: key, labels, annotations, start, end."""
    return connection.execute(STANDING, [now]).fetchall()


def keep(connection: psycopg.Connection, rows: Iterable[tuple[str, Mapping, Mapping, datetime, Any]]) -> None:
    """Have those alerts as they are now; each change raises the revision."""
    for key, labels, annotations, starts_at, ends_at in rows:
        values = [key, Jsonb(dict(labels)), Jsonb(dict(annotations)), starts_at, ends_at]
        connection.execute(UPSERT, values)


def pending(
    connection: psycopg.Connection, destination: str, now: datetime, repeat_before: datetime | None
) -> list[tuple[str, Mapping, Mapping, datetime, Any, int]]:
    """What a destination is to be told: key, labels, annotations, start, end, revision."""
    values = {"destination": destination, "now": now, "before": repeat_before}
    return connection.execute(PENDING, values).fetchall()


def delivered(connection: psycopg.Connection, destination: str, told: Iterable[tuple[str, int]], now: datetime) -> None:
    """The destination has taken those revisions."""
    with connection.transaction():
        for key, revision in told:
            connection.execute(DELIVERED, [key, destination, revision, now])
            connection.execute(TOLD, [key, destination, revision, now])


def dirty_models(connection: psycopg.Connection) -> set[str]:
    """Models that have something to recompute."""
    return {row[0] for row in connection.execute("select distinct model from dirty").fetchall()}
