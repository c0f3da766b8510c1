"""The planner: records what is to be read next, then asks for the run that will read it. One sensor for all."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg
import psycopg
from dagster import DagsterInstance, RunsFilter
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PARTITION_NAME_TAG

from analytics_platform.definitions.asked import PLANNER
from analytics_platform.definitions.hours import HOUR_FORMAT, partition_of
from analytics_platform.definitions.intent import LEASE_TAG, QUEUE_TAG, WHAT_TAG, WHY_TAG, Intent, intent_of
from analytics_platform.definitions.lease_request import ALARM_AFTER, Advice, LeaseRun, Situation, advise
from analytics_platform.definitions.listening import Positions, wait_for_news
from analytics_platform.definitions.planning_trouble import PlanningTrouble
from analytics_platform.definitions.resources import KeptParts
from analytics_platform.errors import PlatformError
from analytics_platform.ledger.postgres import alarms, planning, rework
from analytics_platform.ledger.postgres.lease import connected_runs, is_locked, open_lease
from analytics_platform.pipeline import has_unplanned, plan_all, to_wait_for
from analytics_platform.pipeline.models import is_due
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.redrive import redrive_published
from analytics_platform.product import Pipeline

log = logging.getLogger(__name__)
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
STARTED = dg.DagsterRunStatus.STARTED
LEASE_DOES = "lease: reads what is new, recomputes what is due, judges again what is ordered"
LISTEN_SECONDS = 9.5  # an idle tick: at Dagster's own pace of 5 s, this one is over when the next may begin
LOOK_SECONDS = LISTEN_SECONDS / 2  # between two looks at what sends no news: timers and orders
LOST_EVERY = timedelta(seconds=5)  # at least, between two looks for lost runs of a pipeline at rest
LONG_AGO = datetime.min.replace(tzinfo=UTC)
MOST_FAILED = 10  # the longest wait is reached before


class Planner:
    """Plans every pipeline at each tick; remembers since when each unfinished run has not been connected."""

    def __init__(self, pipelines: Sequence[Pipeline], kept: KeptParts | None = None) -> None:
        self._pipelines = pipelines
        self._kept = kept or KeptParts()
        self._gone_since: dict[str, dict[str, datetime]] = {}
        self._runs_seen_at: dict[str, datetime] = {}
        self._alarmed: dict[str, str] = {}
        self._trouble = PlanningTrouble()
        self._idle: dict[str, Positions] = {}  # by pipeline for which nobody works: what is planned

    def listen(self, instance: DagsterInstance, seconds: float) -> tuple[list[dg.RunRequest], list[str]]:
        """Tick until there is a run to ask for, or the time is over; in between, wait for news."""
        deadline = time.monotonic() + seconds
        while True:
            requests, problems = self.tick(instance)
            left = deadline - time.monotonic()
            if requests or left <= 0:
                return requests, problems
            wait_for_news(self._kept, self._pipelines, self._idle, min(left, LOOK_SECONDS))

    def tick(self, instance: DagsterInstance) -> tuple[list[dg.RunRequest], list[str]]:
        """The runs to request now, and what is not asked for and why."""
        requests, problems = [], []
        self._idle.clear()
        for pipeline in self._pipelines:
            try:
                with self._kept.of(pipeline) as parts:
                    advice = self._advise(parts, instance)
                    self._trouble.planned(pipeline.name, parts.ledger, datetime.now(UTC))
                for run_id, reason in advice.lost.items():
                    _give_up(instance, run_id, reason)
            except Exception as error:  # the outermost loop: whatever hits one pipeline must not stop the others
                words = _in_words(error, pipeline)
                problems.append(f"{pipeline.name}: {words}")
                self._trouble.failed(pipeline.name, words, datetime.now(UTC))
                continue
            if advice.waiting:
                problems.append(f"{pipeline.name}: {advice.waiting}")
            if advice.request:
                requests.append(_request(pipeline, advice.request))
        return requests, problems

    def _advise(self, parts: Parts, instance: DagsterInstance) -> Advice:
        now = datetime.now(UTC)
        name = parts.pipeline.name
        locked, (last_run, is_open) = is_locked(parts.ledger, name), open_lease(parts.ledger, name)
        if locked and is_open:
            has_work = _has_work(parts) or has_unplanned(parts)  # who holds the lock plans
        else:
            positions = plan_all(parts)
            if not locked:
                redrive_published(parts)
            has_work = _has_work(parts)
            if not has_work:
                self._idle[name] = to_wait_for(positions, parts)
        runs = []
        if has_work or is_open or now - self._runs_seen_at.get(name, LONG_AGO) >= LOST_EVERY:
            runs = self._runs(parts, instance, now, None if is_open else last_run)
        failed = failed_in_a_row(instance, name) if has_work else []
        if len(failed) >= ALARM_AFTER:
            self._alarm(parts, instance, failed, now)
        return advise(
            Situation(
                now=now,
                has_work=has_work,
                runs=runs,
                is_locked=locked,
                lease=timedelta(seconds=parts.limits.lease_seconds),
                failed_in_a_row=len(failed),
                last_failed_at=_ended_at(failed[0]) if failed else None,
                last_failed_run=failed[0].dagster_run.run_id if failed else None,
            )
        )

    def _alarm(self, parts: Parts, instance: DagsterInstance, failed: Sequence[dg.RunRecord], now: datetime) -> None:
        """Raise one alarm a trouble; the ledger is asked once a failed run, not at every tick."""
        name, run_id = parts.pipeline.name, failed[0].dagster_run.run_id
        if self._alarmed.get(name) == run_id:
            return
        succeeded = _latest(instance, name, [dg.DagsterRunStatus.SUCCESS], limit=1)
        since = _ended_at(succeeded[0]) if succeeded else None
        if alarms.raise_run_failing(parts.ledger, name, len(failed), run_id, since, now):
            log.error("run.failing", extra={"pipeline": name, "run": run_id, "failed_in_a_row": len(failed)})
        self._alarmed[name] = run_id

    def _runs(self, parts: Parts, instance: DagsterInstance, now: datetime, ended: str | None = None) -> list[LeaseRun]:
        """The pipeline's unfinished runs; `ended` is the one whose lease is over."""
        name = parts.pipeline.name
        self._runs_seen_at[name] = now
        records = [
            *_leases(instance.get_run_records(RunsFilter(tags={LEASE_TAG: name}, statuses=UNFINISHED), limit=20)),
            *instance.get_run_records(RunsFilter(tags={QUEUE_TAG: name}, statuses=[STARTED]), limit=20),
        ]
        before, connected = self._gone_since.get(name, {}), connected_runs(parts.ledger)
        ids = {record.dagster_run.run_id for record in records} - connected
        self._gone_since[name] = {run_id: before.get(run_id, now) for run_id in ids}
        return [_lease_run(record, self._gone_since[name], ended) for record in records]


def planner_sensor(
    pipelines: Sequence[Pipeline], jobs: Sequence[UnresolvedAssetJobDefinition], listen_seconds: float = LISTEN_SECONDS
) -> dg.SensorDefinition:
    """The planner as a Dagster sensor that runs from the start; with 0 seconds it looks once, and never waits."""
    planner = Planner(pipelines)

    @dg.sensor(
        name="planner",
        jobs=jobs,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Watches Kafka: records new offsets as batches and asks for the runs that read them.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Plan, then request."""
        requests, problems = planner.listen(context.instance, listen_seconds)
        if problems and not requests:
            return dg.SkipReason("; ".join(problems))
        return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("nothing to ask for")

    return sensor


def failed_in_a_row(instance: DagsterInstance, pipeline: str) -> list[dg.RunRecord]:
    """The pipeline's runs that failed since one succeeded, newest first, at most MOST_FAILED."""
    ended = _latest(instance, pipeline, [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS], MOST_FAILED)
    return list(takewhile(lambda record: record.dagster_run.status is dg.DagsterRunStatus.FAILURE, ended))


def _latest(
    instance: DagsterInstance, pipeline: str, statuses: Sequence[dg.DagsterRunStatus], limit: int
) -> list[dg.RunRecord]:
    filters = RunsFilter(tags={LEASE_TAG: pipeline}, statuses=list(statuses))
    return _leases(instance.get_run_records(filters, limit=limit))


def _leases(records: Sequence[dg.RunRecord]) -> list[dg.RunRecord]:
    """Without repetitions: Dagster copies a lease's tags to them."""
    return [record for record in records if intent_of(record.dagster_run.tags) is Intent.LEASE]


def _ended_at(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else _utc(record.update_timestamp)


def _utc(stored: datetime) -> datetime:
    return stored.replace(tzinfo=UTC)  # Dagster stores UTC without saying so


def _in_words(error: Exception, pipeline: Pipeline) -> str:
    """What a person is told; of an error nobody foresaw only its kind, since its message may hold data."""
    if isinstance(error, PlatformError):
        return str(error)
    if isinstance(error, psycopg.OperationalError):  # one that broke under a statement says little by itself
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"the ledger's Postgres went away ({reason}); the next tick connects again, if not: `ap status`"
    log.error("planning.failed", exc_info=error, extra={"pipeline": pipeline.name})
    return (
        f"planning failed with {type(error).__name__}; the code server's log has all of it, the next tick tries again"
    )


def _has_work(parts: Parts) -> bool:
    """Whether a lease would find something to do without reading anything new."""
    open_batches = planning.next_batches(parts.ledger, parts.pipeline.stream_names)
    return bool(open_batches) or rework.is_open(parts.ledger, parts.pipeline.name) or is_due(parts)


def _lease_run(record: dg.RunRecord, gone_since: Mapping[str, datetime], ended: str | None) -> LeaseRun:
    run = record.dagster_run
    return LeaseRun(
        run_id=run.run_id,
        is_started=run.status is dg.DagsterRunStatus.STARTED,
        is_lease=intent_of(run.tags) is Intent.LEASE,
        has_ended=run.run_id == ended,
        requested_at=_utc(record.create_timestamp),
        started_at=datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None,
        gone_since=gone_since.get(run.run_id),
        hour_ends_at=_hour_ends_at(run.tags.get(PARTITION_NAME_TAG)),
    )


def _hour_ends_at(partition: str | None) -> datetime | None:
    if not partition:
        return None
    return datetime.strptime(partition, HOUR_FORMAT).replace(tzinfo=UTC) + timedelta(hours=1)


def _give_up(instance: DagsterInstance, run_id: str, reason: str) -> None:
    run = instance.get_run_by_id(run_id)
    if run and not run.is_finished:
        instance.report_run_failed(run, f"Given up by the planner: {reason}.")


def _request(pipeline: Pipeline, why: str) -> dg.RunRequest:
    hour = partition_of(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    tags = {LEASE_TAG: pipeline.name, WHY_TAG: why, WHAT_TAG: LEASE_DOES, **PLANNER}
    return dg.RunRequest(job_name=pipeline.name, partition_key=hour, tags=tags)
