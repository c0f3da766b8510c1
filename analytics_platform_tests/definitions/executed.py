"""A pipeline's asset as Dagster executes it, and what its run told: for tests of runs."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
from psycopg.types.json import Jsonb

from analytics_platform.definitions.assets import pipeline_assets
from analytics_platform.definitions.hours import partition_of
from analytics_platform.definitions.intent import LEASE_TAG, ORDER_TAG
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.specs import hourly
from analytics_platform.ledger.postgres import rework
from analytics_platform_tests.pipeline.orders import SCHEMAS

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR, EMPTY = partition_of(NOW), partition_of(NOW - timedelta(hours=1))
NATIVE = {
    "dagster/backfill": "abc",
    "dagster/asset_partition_range_start": EMPTY,
    "dagster/asset_partition_range_end": HOUR,
}
NOTE = {"added": 0, "removed": 1, "before": {"published": 1}, "after": {"quarantined": 1}, "rows": 2, "changed": True}


def in_this_hour():
    """The clock of these tests: their hour does not end."""
    return NOW + timedelta(minutes=10)


def finish(parts, state="done", error=None):
    """What a lease does to every open order, as far as the ledger tells of it."""
    parts.ledger.execute("update rework_batch set done_at = now(), changed = true, note = %s", [Jsonb(NOTE)])
    parts.ledger.execute("update rework set state = %s, error = %s where state = 'open'", [state, error])


def checks(done, name):
    """By hour, what the run told last of that check: whether it passed, and the metadata."""
    found = {}
    for event in done.all_events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            told = event.event_specific_data
            if told.check_name == name:
                found[told.partition] = told.passed, {k: v.value for k, v in told.metadata.items()}
    return found


def run(instance, parts, tags, selection=None):
    """A run with those tags, to its end."""

    class Prepared(PlatformResource):
        @contextmanager
        def parts(self, pipeline, application):
            yield parts

    return dg.materialize(
        [pipeline_assets(parts.pipeline, hourly(NOW - timedelta(hours=4)), SCHEMAS)],
        instance=instance,
        resources={"platform": Prepared()},
        tags=tags,
        partition_key=None if "dagster/backfill" in tags else HOUR,
        selection=selection,
        raise_on_error=False,
    )


def lease(instance, parts):
    return run(instance, parts, {LEASE_TAG: "shop"})


def again(instance, before):
    """The tags with which Dagster re-executes that run."""
    copied = {k: v for k, v in instance.get_run_by_id(before.run_id).tags.items() if k != "dagster/backfill"}
    return copied | {"dagster/parent_run_id": before.run_id, "dagster/root_run_id": before.run_id}


def tags_of(instance, done):
    return instance.get_run_by_id(done.run_id).tags


def order_of(instance, parts, done):
    return rework.progress(parts.ledger, tags_of(instance, done)[ORDER_TAG])


def materialised(done):
    """By asset and hour, the metadata told last."""
    found = {}
    for event in done.all_events:
        if event.is_step_materialization:
            told = event.step_materialization_data.materialization
            found[told.asset_key.to_user_string(), told.partition] = {k: v.value for k, v in told.metadata.items()}
    return found


def times_told(done, asset):
    """How often the run told of that asset."""
    keys = [e.asset_key.to_user_string() for e in done.all_events if e.is_step_materialization]
    return keys.count(asset)


def error_of(done):
    (failure,) = [event for event in done.all_events if event.event_type_value == "STEP_FAILURE"]
    return str(failure.step_failure_data.error_display_string)


def checks_of_asset(done, name):
    """By asset, what the run told last of that check."""
    events = [e.event_specific_data for e in done.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    told = [event for event in events if event.check_name == name]
    return {
        event.asset_key.to_user_string(): (event.passed, {k: v.value for k, v in event.metadata.items()})
        for event in told
    }


def checks_by_hour(done, name, asset):
    """By hour, what the run told last of that check of an asset."""
    events = [e.event_specific_data for e in done.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    told = [event for event in events if event.check_name == name and event.asset_key.to_user_string() == asset]
    return {event.partition: event.passed for event in told}
