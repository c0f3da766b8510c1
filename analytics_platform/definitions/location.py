"""What a code server loads: assets, checks, jobs and the planner, built from what is declared."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from analytics_platform.definitions.alerting import alert_sensor
from analytics_platform.definitions.assets import jobs, pipeline_assets, topic_assets
from analytics_platform.definitions.dead_letters import dead_letter_sensors
from analytics_platform.definitions.decisions import decide_job
from analytics_platform.definitions.maintenance import maintenance, nightly
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.sensors import LISTEN_SECONDS, planner_sensor
from analytics_platform.definitions.specs import hourly
from analytics_platform.definitions.table_checks import EVERY, VERIFIES, jobs_of_checks, table_checks
from analytics_platform.definitions.upkeep_checks import DOES, HOURLY, upkeep_checks
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import StreamSchemas
from analytics_platform.product import EARLIEST, Catalog
from analytics_platform.products import catalog
from analytics_platform.quality.files import with_contracts
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.registry.folder import read_schemas
from analytics_platform.settings import read_settings

log = logging.getLogger(__name__)


def build(
    declared: Catalog,
    since: datetime = EARLIEST,
    schemas: Mapping[str, StreamSchemas] | None = None,
    listen_seconds: float = LISTEN_SECONDS,
) -> dg.Definitions:
    """Everything that Dagster loads: hours from `since` on, and columns of the streams whose schemas are given."""
    pipelines = list(declared.pipelines.values())
    hours = {pipeline.name: hourly(max(pipeline.since, since)) for pipeline in pipelines}
    topics = [topic_assets(pipeline) for pipeline in pipelines]
    tables = {p.name: pipeline_assets(p, hours[p.name], schemas or {}) for p in pipelines}
    leases = jobs(pipelines, hours, tables)
    verified = [(pipeline, found) for pipeline in pipelines if (found := table_checks(pipeline))]
    kept = [(pipeline, upkeep_checks(pipeline)) for pipeline in pipelines]
    contracts, every_while = jobs_of_checks("contracts", verified, EVERY, VERIFIES)
    upkeep, hourly_upkeep = jobs_of_checks("upkeep", kept, HOURLY, DOES)
    return dg.Definitions(
        assets=[*topics, *tables.values()],
        asset_checks=[found for _, found in (*verified, *kept)],
        jobs=[*leases, *contracts, *upkeep, maintenance, *([decide_job] if pipelines else [])],
        schedules=[nightly, *every_while, *hourly_upkeep],
        sensors=_sensors(declared, leases, schemas or {}, listen_seconds) if pipelines else [],
        resources={"platform": PlatformResource()},
        executor=dg.in_process_executor,
    )


def _sensors(
    declared: Catalog,
    leases: Sequence[UnresolvedAssetJobDefinition],
    schemas: Mapping[str, StreamSchemas],
    listen: float,
) -> list[dg.SensorDefinition]:
    planner = planner_sensor(list(declared.pipelines.values()), leases, listen)
    return [planner, alert_sensor(declared, schemas), *dead_letter_sensors(declared)]


@dg.definitions
def defs() -> dg.Definitions:
    """What is declared, under the settings of this process: equal in every process of an instance."""
    return _defs()


@cache  # a run looks its job up several times, and each would build all of it again: 70 ms
def _defs() -> dg.Definitions:
    settings = read_settings()
    declared = with_contracts(without_drafts(catalog(), settings.schema_dir), settings.schema_dir)
    schemas = readable_schemas(settings.schema_dir, declared.streams)
    return build(declared, settings.since, schemas, 0 if settings.stock else LISTEN_SECONDS)


def readable_schemas(schema_dir: Path, streams: Iterable[str]) -> dict[str, StreamSchemas]:
    """The schemas of those streams; one that cannot be read is logged, and costs no other stream its assets."""
    found = {}
    for stream in streams:
        try:
            found[stream] = read_schemas(schema_dir, stream)
        except DeclarationError as error:
            log.warning("schemas.unreadable", extra={"stream": stream, "reason": str(error)})
    return found
