"""A long history of runs in Dagster's database: one real run, copied into the past a minute apart.

What is copied is what a purged history keeps of a run: its row, its tags, its start and end, its materialisations and
the evaluations of its checks, the rows of the checks' own table included. All of it stays in the run's own hour.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

KINDS = ("ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_START", "PIPELINE_SUCCESS")
AT_ONCE = 2000  # runs of one statement
RUNS = """
insert into runs (run_id, snapshot_id, pipeline_name, status, run_body, partition, partition_set, create_timestamp,
                  update_timestamp, start_time, end_time)
select copied, snapshot_id, pipeline_name, status, replace(run_body, run_id, copied), partition, partition_set,
       create_timestamp - make_interval(mins => n::int), update_timestamp - make_interval(mins => n::int),
       start_time - 60 * n, end_time - 60 * n
  from runs, (select n, gen_random_uuid()::text copied from generate_series(1, %s) n) new
 where run_id = %s returning run_id"""
TAGS = """
insert into run_tags (run_id, key, value)
select copied, key, value from run_tags, unnest(%(new)s::text[]) copied where run_id = %(run)s"""
EVENTS = """
insert into event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
select copied, replace(event, %(run)s, copied), dagster_event_type,
       timestamp - make_interval(mins => %(from)s + n::int), step_key, asset_key, partition
  from event_logs, unnest(%(new)s::text[]) with ordinality new (copied, n)
 where run_id = %(run)s and dagster_event_type = any(%(kinds)s)"""
CHECKS = """
insert into asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
       evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id, create_timestamp)
select asset_key, check_name, partition, copied, execution_status, replace(evaluation_event, %(run)s, copied),
       evaluation_event_timestamp - make_interval(mins => %(from)s + n::int), evaluation_event_storage_id,
       materialization_event_storage_id, create_timestamp - make_interval(mins => %(from)s + n::int)
  from asset_check_executions, unnest(%(new)s::text[]) with ordinality new (copied, n) where run_id = %(run)s"""
INDEXES = """
select indexrelid::regclass::text, pg_get_indexdef(indexrelid)
  from pg_index where indrelid = any(%s::regclass[]) and not indisunique"""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How much there is of it, in rows; `megabytes` is the size of the event log with its indexes."""

    runs: int
    events: int
    checks: int
    megabytes: int


def copy_run(dagster: psycopg.Connection, run_id: str, times: int) -> History:
    """Copy the run `times` times, each copy a minute before the one before it."""
    with dagster.cursor() as cursor, _indexed_afterwards(cursor, ("event_logs", "asset_check_executions")):
        new = [row[0] for row in cursor.execute(RUNS, [times, run_id]).fetchall()]
        for start in range(0, times, AT_ONCE):
            facts = {"run": run_id, "new": new[start : start + AT_ONCE], "from": start, "kinds": list(KINDS)}
            for statement in (TAGS, EVENTS, CHECKS):
                cursor.execute(statement, facts)
    dagster.execute("analyze")
    return _measure(dagster)


@contextmanager
def _indexed_afterwards(cursor: psycopg.Cursor, tables: Sequence[str]) -> Generator[None]:
    """Indexes that only find rows are made once all rows are there: millions of rows take minutes otherwise."""
    cursor.execute("set maintenance_work_mem = '512MB'")
    indexes = cursor.execute(INDEXES, [list(tables)]).fetchall()
    for name, _ in indexes:
        cursor.execute(f"drop index {name}".encode())  # named by the database itself
    yield
    for _, definition in indexes:
        cursor.execute(definition.encode())


def _measure(dagster: psycopg.Connection) -> History:
    row = dagster.execute(
        "select (select count(*) from runs), (select count(*) from event_logs),"
        " (select count(*) from asset_check_executions), pg_total_relation_size('event_logs') / 1000000"
    ).fetchone()
    runs, events, checks, megabytes = row or (0, 0, 0, 0)
    return History(runs=runs, events=events, checks=checks, megabytes=megabytes)
