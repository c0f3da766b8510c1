"""Maintenance as a job of its own, once a night: what runs said of their steps is forgotten after some days."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg

from analytics_platform.connection_string import libpq_url
from analytics_platform.settings import read_settings

MAINTENANCE_TAG = "platform/maintenance"  # such runs start cold: a warm worker is for what is in a hurry
AT_NIGHT = "17 3 * * *"
ROWS_AT_ONCE = 5_000
# What the UI's history of assets is made of, and how a run went.
KEPT = (
    "ASSET_MATERIALIZATION",
    "ASSET_OBSERVATION",
    "ASSET_CHECK_EVALUATION",
    "PIPELINE_START",
    "PIPELINE_SUCCESS",
    "PIPELINE_FAILURE",
    "PIPELINE_CANCELED",
    "STEP_FAILURE",
)
PURGE = """
    delete from event_logs where id in (
        select e.id from event_logs e join runs r on r.run_id = e.run_id
        where e.timestamp < %(before)s and r.status in ('SUCCESS', 'FAILURE', 'CANCELED')
          and (e.dagster_event_type is null or e.dagster_event_type <> all(%(kept)s))
        limit %(rows)s)"""


def purge_events(connection: psycopg.Connection, before: datetime) -> int:
    """Forget what runs that have ended said before that time; returns how many rows that was.

    Materialisations, observations, check evaluations, failures and the ends of runs stay, and so do the runs.
    """
    facts = {"before": before.astimezone(UTC).replace(tzinfo=None), "kept": list(KEPT), "rows": ROWS_AT_ONCE}
    purged = 0
    while found := connection.execute(PURGE, facts).rowcount:
        purged += found
    return purged


@dg.op(name="purge_events")
def purge(context: dg.OpExecutionContext) -> None:
    """Keep Dagster's event log small."""
    settings = read_settings()
    if not settings.event_days:
        context.log.info("event_days is 0: everything is kept")
        return
    dsn = libpq_url(settings.dagster_postgres_url)
    with psycopg.connect(dsn, autocommit=True, application_name="maintenance", connect_timeout=3) as connection:
        purged = purge_events(connection, datetime.now(UTC) - timedelta(days=settings.event_days))
    context.log.info(f"{purged:,} rows older than {settings.event_days} days purged")


@dg.job(
    name="maintenance",
    executor_def=dg.in_process_executor,
    tags={MAINTENANCE_TAG: "purge_events"},
    description="Forgets what runs said of their steps after `event_days`; keeps materialisations, checks and ends.",
)
def maintenance() -> None:
    """The job."""
    purge()


nightly = dg.ScheduleDefinition(
    name="nightly_maintenance",
    job=maintenance,
    cron_schedule=AT_NIGHT,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
