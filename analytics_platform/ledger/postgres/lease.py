"""One writer per pipeline: an advisory lock held by the writer's own connection, and an epoch that it raises."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg

from analytics_platform.errors import FencedError

LOCK_KEY = "hashtextextended('pipeline/' || %s, 0)"
RAISE_EPOCH = """
    update pipeline p set epoch = p.epoch + 1, run_id = %(run)s, hour = %(hour)s, lease_open = true, clean_end = false
    from pipeline before where p.name = %(name)s and before.name = p.name returning p.epoch, before.clean_end
"""
END_LEASE = """
    update pipeline set lease_open = false where name = %(name)s and epoch = %(epoch)s and not exists (
        select 1 from batch where stream = any(%(streams)s) and state in ('planned', 'landed', 'judged'))
    and not exists (select 1 from rework where pipeline = %(name)s and state = 'open')
"""

ENDED = "lease_ended"  # the channel on which the planner hears that a writer plans no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write a pipeline's tables. `is_clean` tells whether the writer before ended in order."""

    pipeline: str
    run_id: str
    epoch: int
    is_clean: bool


def ensure_pipeline(connection: psycopg.Connection, name: str) -> None:
    """Have a row to lock, before anything is planned."""
    connection.execute("insert into pipeline (name) values (%s) on conflict do nothing", [name])


@contextmanager
def taken(connection: psycopg.Connection, name: str, run_id: str, hour: datetime) -> Generator[Lease]:
    """Wait for the pipeline's lock, raise its epoch, and hold both until the block ends.

    The lock belongs to `connection`: when that breaks, Postgres frees it and the next writer goes on.
    """
    connection.execute(f"select pg_advisory_lock({LOCK_KEY})".encode(), [name])
    try:
        row = connection.execute(RAISE_EPOCH, {"name": name, "run": run_id, "hour": hour}).fetchone()
        assert row is not None, "ensure_pipeline came first"
        lease = Lease(pipeline=name, run_id=run_id, epoch=row[0], is_clean=row[1])
        yield lease
        connection.execute(
            "update pipeline set clean_end = true, lease_open = false where name = %s and epoch = %s",
            [name, lease.epoch],
        )
        connection.execute(f"notify {ENDED}".encode())
    finally:
        with suppress(psycopg.OperationalError):  # a connection that is gone has let go of the lock by itself
            connection.execute(f"select pg_advisory_unlock({LOCK_KEY})".encode(), [name])


def is_locked(connection: psycopg.Connection, name: str) -> bool:
    """Whether some writer holds the pipeline's lock now."""
    row = connection.execute(
        f"""select exists (select 1 from pg_locks where locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from pg_database where datname = current_database())
            and (classid::bigint << 32) | objid::bigint = {LOCK_KEY})""".encode(),
        [name],
    ).fetchone()
    return bool(row and row[0])


def connected_runs(connection: psycopg.Connection) -> set[str]:
    """The runs that live: each is connected as "run <id>" from its first step to its last."""
    rows = connection.execute(
        "select substring(application_name from '^run (.+)$') from pg_stat_activity"
        " where datname = current_database() and application_name like 'run %'"
    )
    return {row[0] for row in rows.fetchall()}


def require_epoch(connection: psycopg.Connection, lease: Lease) -> None:
    """Raise FencedError if a newer writer has come; inside a transaction this also keeps one from coming."""
    row = connection.execute("select epoch from pipeline where name = %s for update", [lease.pipeline]).fetchone()
    found = row[0] if row else -1
    if found != lease.epoch:
        raise FencedError(f"pipeline {lease.pipeline}", lease.epoch, found)


def claim_upkeep(connection: psycopg.Connection, lease: Lease, now: datetime) -> bool:
    """Whether it is an hour since the tables were cleaned; if so, the caller is the one to do it."""
    claimed = connection.execute(
        "update pipeline set cleaned_at = %s where name = %s and epoch = %s"
        " and coalesce(cleaned_at, '-infinity') < %s::timestamptz - interval '1 hour'",
        [now, lease.pipeline, lease.epoch, now],
    )
    return claimed.rowcount == 1


def end(connection: psycopg.Connection, lease: Lease, streams: list[str]) -> bool:
    """Close the lease, unless a batch has been planned or rework ordered meanwhile; False means: go on."""
    with connection.transaction():
        connection.execute("select 1 from pipeline where name = %s for update", [lease.pipeline])
        ended = connection.execute(END_LEASE, {"name": lease.pipeline, "epoch": lease.epoch, "streams": streams})
        connection.execute(f"notify {ENDED}".encode())
    return ended.rowcount == 1


def hear_of_ends(connection: psycopg.Connection) -> None:
    """From now on `wait_for_an_end` wakes when a lease ends."""
    connection.execute(f"listen {ENDED}".encode())


def wait_for_an_end(connection: psycopg.Connection, seconds: float) -> None:
    """Wait until some lease ends, or for those seconds."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        return


def open_lease(connection: psycopg.Connection, name: str) -> tuple[str | None, bool]:
    """The run that last took the pipeline's lock, and whether it may still plan: not once its lease has ended."""
    row = connection.execute("select run_id, lease_open from pipeline where name = %s", [name]).fetchone()
    return row or (None, False)
