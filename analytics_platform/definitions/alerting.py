"""Alerts: a sensor that folds the outbox, adds what only Dagster knows, and delivers. A reconciler at each tick."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
from dagster import DagsterInstance, RunsFilter
from dagster._core.scheduler.instigation import TickStatus

from analytics_platform.alerts.alert import Alert, Known
from analytics_platform.alerts.deliver import deliver, resolve, standing
from analytics_platform.alerts.destinations import destinations_of
from analytics_platform.alerts.lasting import over, raise_each, tell_while
from analytics_platform.alerts.notes import KINDS
from analytics_platform.definitions.intent import Intent, intent_of
from analytics_platform.definitions.lasting import overdue_streams, stuck_daemons
from analytics_platform.definitions.resources import KeptLedger
from analytics_platform.definitions.sensors import failed_in_a_row
from analytics_platform.errors import PlatformError
from analytics_platform.facts import StreamSchemas
from analytics_platform.ledger.postgres import alarms
from analytics_platform.pipeline.governance.adoption import look_at_adopted
from analytics_platform.pipeline.governance.escalate import escalate
from analytics_platform.pipeline.governance.readers import note_unregistered, unregistered_readers
from analytics_platform.pipeline.governance.sunset import look_at_sunsets
from analytics_platform.pipeline.governance.taken_back import tell_consumers
from analytics_platform.pipeline.known import known_of
from analytics_platform.product import Catalog
from analytics_platform.security.certificate_ends import certificate_ends, ending
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import LedgerRole, Settings, read_settings

log = logging.getLogger(__name__)
LOOKS_BACK = timedelta(hours=6)  # for failed runs that nobody was told of: longer than the daemon may have been down
MOST_RUNS = 50
USE_EVERY = timedelta(minutes=1)  # between two looks at who reads and writes what: groups on the broker, rows by schema
TICKS_IN_A_ROW = 3  # that fail before a sensor is an alert


def alert_sensor(declared: Catalog, schemas: Mapping[str, StreamSchemas]) -> dg.SensorDefinition:
    """The sensor that delivers; without a destination it only keeps the alerts, for `ap alert list`."""
    found: list[Known] = []
    looked: list[datetime] = []
    kept = KeptLedger(LedgerRole.PLANNER, "alerts")

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes alerts of failing checks, runs and sensors, and delivers them at least once.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Look, fold, deliver."""
        settings, now = read_settings(), datetime.now(UTC)
        found[:] = found or [known_of(declared, schemas)]  # parses SQL: once a process
        try:
            with kept.of(settings) as ledger:
                look_at_dagster(context.instance, ledger, declared, now)
                problems = look_at_governance(ledger, settings, declared, now)
                if not looked or now - looked[0] >= USE_EVERY:
                    looked[:] = [now]
                    look_at_use(ledger, settings, declared, now)
                problems += deliver(ledger, destinations_of(settings), found[0], now)
        except PlatformError as error:
            return dg.SkipReason(str(error))
        return dg.SkipReason("; ".join(problems) or "everything is delivered")

    return sensor


def look_at_governance(ledger: psycopg.Connection, settings: Settings, declared: Catalog, now: datetime) -> list[str]:
    """Note what waits, is due, or came around the gate; a policy that cannot be read holds no other alert up."""
    try:
        escalate(ledger, settings.schema_dir, now)
        look_at_adopted(ledger, settings.schema_dir, declared, now)
    except PlatformError as error:
        log.warning("governance.not_looked_at", extra={"reason": str(error)})
        return [str(error)]
    return []


def look_at_use(ledger: psycopg.Connection, settings: Settings, declared: Catalog, now: datetime) -> None:
    """Tell registered readers of what was taken back, note versions in use after their sunset, and unknown readers.

    What was told of the latter stands while the broker cannot be asked.
    """
    folder, streams = settings.schema_dir, list(declared.streams.values())
    try:
        tell_consumers(ledger, folder, declared, now)
        look_at_sunsets(ledger, folder, streams, now)
        tell_while(ledger, alarms.CERTIFICATE_ENDING, _since(ending(certificate_ends(settings), now)), now)
        note_unregistered(ledger, unregistered_readers(cluster_of(settings, PartName.WATCHER), folder, streams), now)
    except PlatformError as error:
        log.warning("use.not_seen", extra={"reason": str(error)})


def look_at_dagster(instance: DagsterInstance, ledger: psycopg.Connection, declared: Catalog, now: datetime) -> None:
    """Note failed runs, and what lasts: failing sensors, daemons without a sign of life, batches that wait too long.

    What is over is resolved.
    """
    note_failed_runs(instance, ledger, now)
    found = {
        alarms.SENSOR_FAILING: {name: {"error": error} for name, error in failing_sensors(instance).items()},
        alarms.DAEMON_STUCK: _since(stuck_daemons(instance, now)),
        alarms.FRESHNESS_MISSED: _since(overdue_streams(ledger, declared.streams.values(), now)),
    }
    raise_each(ledger, found, now)
    told = standing(ledger, now)
    resolve(ledger, [*over(told, found), *(alert for alert in told if _runs_again(alert, instance))], now)


def note_failed_runs(instance: DagsterInstance, ledger: psycopg.Connection, now: datetime) -> None:
    """Runs that are no leases: of these a single failure is news. Failing leases the planner tells of."""
    filters = RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - LOOKS_BACK)
    for record in instance.get_run_records(filters, limit=MOST_RUNS):
        run = record.dagster_run
        if intent_of(run.tags) is not Intent.LEASE:
            alarms.raise_once(ledger, alarms.RUN_FAILED, run.run_id, {"job": run.job_name}, now)


def failing_sensors(instance: DagsterInstance) -> dict[str, str]:
    """By name, the error of every sensor and schedule whose last ticks all failed."""
    found = {}
    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=TICKS_IN_A_ROW)
        if len(ticks) == TICKS_IN_A_ROW and all(tick.status is TickStatus.FAILURE for tick in ticks):
            error = ticks[0].error
            # of the class only: a message may hold what it stumbled over
            found[state.name] = (error.cls_name if error else None) or "unknown"
    return found


def _since(found: Mapping[str, datetime]) -> dict[str, dict[str, str]]:
    return {name: {"since": at.isoformat(timespec="seconds")} for name, at in found.items()}


def _runs_again(alert: Alert, instance: DagsterInstance) -> bool:
    """Whether it is of a pipeline whose runs kept failing, and one has succeeded since."""
    is_of_runs = alert.labels.get("alertname") == KINDS[alarms.RUN_FAILING].name
    return is_of_runs and not failed_in_a_row(instance, alert.labels["subject"])
