"""Alarms that the planner raises: rows of the outbox, one for each time that something goes wrong."""

from datetime import datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

RUN_FAILING = "run failing"
MODEL_FAILING, REMINDED_AFTER = "model failing", timedelta(days=1)
RAISE_ONCE = """
    insert into outbox (kind, key, body, created_at)
    select %(kind)s, %(key)s, %(body)s, %(now)s where not exists (
        select 1 from outbox where kind = %(kind)s and key = %(key)s
        and created_at > coalesce(%(since)s::timestamptz, '-infinity'))
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
    values = {"kind": MODEL_FAILING, "key": model, "body": Jsonb({"reason": reason}), "now": now}
    return connection.execute(RAISE_ONCE_A_BODY, {**values, "since": now - REMINDED_AFTER}).rowcount == 1
