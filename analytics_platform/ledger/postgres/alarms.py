"""Alarms that the planner raises: rows of the outbox, one for each time that something goes wrong."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

RUN_FAILING = "run failing"
MODEL_FAILING, REMINDED_AFTER = "model failing", timedelta(days=1)
RUN_FAILED, SENSOR_FAILING, DAEMON_STUCK = "run failed", "sensor failing", "daemon stuck"
PLANNING_FAILING, FRESHNESS_MISSED = "planning failing", "freshness missed"
CERTIFICATE_ENDING = "certificate ending"
BATCH_RETRACTED, ROWS_TAKEN_BACK = "batch retracted", "rows taken back"
RAISE_ONCE = """
    insert into outbox (kind, key, body, created_at)
    select %(kind)s, %(key)s, %(body)s, %(now)s where not exists (
        select 1 from outbox where kind = %(kind)s and key = %(key)s
        and created_at > coalesce(%(since)s::timestamptz, '-infinity'))
"""
# not while its alert stands (of "sensor failing" that is SensorFailing), nor while a note waits to become one
RAISE_OPEN = """
    insert into outbox (kind, key, body, created_at)
    select %(kind)s, %(key)s, %(body)s, %(now)s where not exists (
        select 1 from outbox where kind = %(kind)s and key = %(key)s and delivered_at is null)
    and not exists (select 1 from alert where labels ->> 'subject' = %(key)s
        and labels ->> 'alertname' = replace(initcap(%(kind)s), ' ', '') and (ends_at is null or ends_at > %(now)s))
"""
RAISE_ONCE_A_BODY = """
    insert into outbox (kind, key, body, created_at)
    select %(kind)s, %(key)s, %(body)s, %(now)s where not exists (
        select 1 from outbox where kind = %(kind)s and key = %(key)s and body = %(body)s and created_at > %(since)s)
"""


def raise_run_failing(
    connection: psycopg.Connection,
    pipeline: str,
    failed_in_a_row: int,
    run_id: str,
    since: datetime | None,
    now: datetime,
) -> bool:
    """Tell that a pipeline's runs keep failing; False if that was told since its last success (None: it had none).

    Whether the earlier alarm was delivered does not matter: people were or will be told of this very trouble.
    """
    body = Jsonb({"failed_in_a_row": failed_in_a_row, "run_id": run_id})
    values = {"kind": RUN_FAILING, "key": pipeline, "body": body, "now": now, "since": since}
    return connection.execute(RAISE_ONCE, values).rowcount == 1


def raise_model_failing(connection: psycopg.Connection, model: str, reason: str, now: datetime) -> bool:
    """Tell that a model cannot be recomputed; False if the same was told within a day: it may come back later."""
    return raise_again(connection, MODEL_FAILING, model, {"reason": reason}, now)


def raise_again(connection: psycopg.Connection, kind: str, key: str, body: Mapping[str, str], now: datetime) -> bool:
    """Tell of what may happen more than once; False if the very same was told within a day."""
    values = {"kind": kind, "key": key, "body": Jsonb(dict(body)), "now": now}
    return connection.execute(RAISE_ONCE_A_BODY, {**values, "since": now - REMINDED_AFTER}).rowcount == 1


def raise_once(connection: psycopg.Connection, kind: str, key: str, body: Mapping[str, str], now: datetime) -> bool:
    """Tell of what happens once; False if it was told."""
    values = {"kind": kind, "key": key, "body": Jsonb(dict(body)), "now": now, "since": None}
    return connection.execute(RAISE_ONCE, values).rowcount == 1


def raise_open(connection: psycopg.Connection, kind: str, key: str, body: Mapping[str, str], now: datetime) -> bool:
    """Tell of what lasts; False while it is told of."""
    values = {"kind": kind, "key": key, "body": Jsonb(dict(body)), "now": now}
    return connection.execute(RAISE_OPEN, values).rowcount == 1


def retracted_since(connection: psycopg.Connection, since: datetime) -> list[tuple[str, str, datetime]]:
    """The batches that were taken back since then, why, and when; oldest first."""
    return connection.execute(
        "select key, body ->> 'reason', created_at from outbox where kind = %s and created_at > %s order by id",
        [BATCH_RETRACTED, since],
    ).fetchall()
