"""The platform as Dagster sees it: assets, checks, jobs and the planner, built from what is declared."""

import dagster as dg

from analytics_platform.definitions.assets import jobs, pipeline_assets, topic_spec
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.sensors import planner_sensor
from analytics_platform.product import Catalog
from analytics_platform.products import catalog


def build(declared: Catalog) -> dg.Definitions:
    """Everything that Dagster loads; touches nothing but memory."""
    pipelines = list(declared.pipelines.values())
    topics = [topic_spec(stream) for stream in declared.streams.values()]
    leases = jobs(pipelines)
    return dg.Definitions(
        assets=dg.with_source_code_references([*topics, *[pipeline_assets(pipeline) for pipeline in pipelines]]),
        jobs=leases,
        sensors=[planner_sensor(pipelines, leases)] if pipelines else [],
        resources={"platform": PlatformResource()},
    )


defs = build(catalog())
