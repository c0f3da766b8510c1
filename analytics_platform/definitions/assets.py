"""What runs: one multi-asset per pipeline, whose body is a run's work on all of its tables, and the jobs."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from analytics_platform.definitions.execute import execute
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.specs import (
    check_specs,
    model_check_specs,
    model_spec,
    stream_specs,
    table_key,
    topic_key,
    topic_spec,
)
from analytics_platform.definitions.worker_log import worker_log
from analytics_platform.facts import StreamSchemas
from analytics_platform.lake.shapes import Layer
from analytics_platform.product import Pipeline
from analytics_platform.settings import read_settings


def pipeline_assets(
    pipeline: Pipeline, partitions: dg.PartitionsDefinition, schemas: Mapping[str, StreamSchemas]
) -> dg.AssetsDefinition:
    """One multi-asset for the pipeline; what its run does depends on why it was started."""
    streams = [spec for s in pipeline.streams for spec in stream_specs(s, partitions, schemas.get(s.name))]
    models = [model_spec(model, pipeline, partitions) for model in pipeline.models]

    @dg.multi_asset(
        name=f"{pipeline.name}_lease",
        specs=[*streams, *models],
        check_specs=[
            *(check for stream in pipeline.streams for check in check_specs(stream, partitions)),
            *model_check_specs(pipeline, partitions),
        ],
        partitions_def=partitions,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=24),
        op_tags={"pipeline": pipeline.name},
    )
    def lease(
        context: dg.AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """Work as a lease, or have a lease judge batches again; then report what each hour holds."""
        with worker_log(read_settings()), platform.parts(pipeline, f"run {context.run_id}") as parts:
            yield from execute(context, parts)

    return lease


def topic_assets(pipeline: Pipeline) -> dg.AssetsDefinition:
    """The pipeline's topics, which others write: they are observed, by each lease and on request."""
    topics = {topic_key(stream): stream.topic for stream in pipeline.streams}

    @dg.multi_observable_source_asset(
        name=f"{pipeline.name}_topics", specs=[topic_spec(stream) for stream in pipeline.streams], can_subset=True
    )
    def observe(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.ObserveResult]:
        """Ask the broker which offsets it has."""
        selected = {key: topic for key, topic in topics.items() if key in context.selected_asset_keys}
        with platform.parts(pipeline, f"run {context.run_id}") as parts:
            found = parts.reader.offsets(list(selected.values()))
        for key, topic in selected.items():
            kept = sum(offsets.stable_end - offsets.first for offsets in found[topic])
            yield dg.ObserveResult(asset_key=key, metadata={"offsets kept": kept})

    return observe


def jobs(
    pipelines: Sequence[Pipeline],
    partitions: Mapping[str, dg.PartitionsDefinition],
    tables: Mapping[str, dg.AssetsDefinition],
) -> list[UnresolvedAssetJobDefinition]:
    """One job per pipeline: all of it in one process; checks of published tables have jobs of their own."""
    return [
        dg.define_asset_job(
            pipeline.name,
            selection=dg.AssetSelection.assets(*_keys(pipeline)).without_checks()
            | dg.AssetSelection.checks(*tables[pipeline.name].check_keys),
            executor_def=dg.in_process_executor,
            partitions_def=partitions[pipeline.name],
            description=f"A lease on {pipeline.name}: executes what is planned, and goes on while data comes.",
        )
        for pipeline in pipelines
    ]


def _keys(pipeline: Pipeline) -> list[dg.AssetKey]:
    tables = [table_key(stream.name, layer) for stream in pipeline.streams for layer in Layer]
    return tables + [dg.AssetKey([model.name]) for model in pipeline.models]
