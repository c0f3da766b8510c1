"""The assets of a pipeline: topics, each stream's tables, models; one multi-asset executes a lease on all of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from analytics_platform.definitions import report
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.worker_log import worker_log
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.cycle import CycleReport
from analytics_platform.product import Model, Pipeline, Stream
from analytics_platform.settings import read_settings

LEASE_TAG = "platform/lease"
WHY_TAG = "platform/why"
HOUR_FORMAT = "%Y-%m-%d-%H:%M"
LAYER_TEXT = {
    Layer.BRONZE: "Every record of the topic as it was read, with its coordinates; what every backfill starts from.",
    Layer.SILVER: "The events that passed their rules, once each, in the reader schema.",
    Layer.EXCEPTIONS: "Every row that silver does not hold, with its outcome and the reason.",
}
CHECKS = {
    "reconciled": "Every offset is a row or a gap; every row has exactly one outcome.",
    "unique_id": "No event id is published twice.",
    "freshness": "The newest row became readable within the declared time of reaching the broker.",
}


def hourly(pipeline: Pipeline) -> dg.HourlyPartitionsDefinition:
    """The hours of a pipeline, the open one included."""
    return dg.HourlyPartitionsDefinition(start_date=pipeline.since.strftime(HOUR_FORMAT), end_offset=1)


def partition_of(hour: datetime) -> str:
    """An hour's partition key."""
    return hour.astimezone(UTC).strftime(HOUR_FORMAT)


def table_key(stream: str, layer: Layer) -> dg.AssetKey:
    """The asset of one of a stream's tables; in plain text, for Dagster serialises no enums of ours."""
    return dg.AssetKey([stream, layer.value])


def topic_spec(stream: Stream) -> dg.AssetSpec:
    """The Kafka topic, as the head of the lineage."""
    return dg.AssetSpec(
        ["topic", stream.topic],
        description=f"Kafka topic {stream.topic}, {stream.encoding} values. {stream.description}",
        group_name=stream.pipeline,
        owners=[stream.owner],
        kinds={"kafka"},
        tags={"layer": "topic"},
    )


def stream_specs(stream: Stream, partitions: dg.PartitionsDefinition) -> list[dg.AssetSpec]:
    """Bronze, silver and exceptions of a stream."""
    bronze, topic = table_key(stream.name, Layer.BRONZE), dg.AssetKey(["topic", stream.topic])
    above = {Layer.BRONZE: [topic], Layer.SILVER: [bronze], Layer.EXCEPTIONS: [bronze]}
    return [
        dg.AssetSpec(
            table_key(stream.name, layer),
            deps=above[layer],
            description=f"{LAYER_TEXT[layer]}\n\n{stream.description}",
            group_name=stream.pipeline,
            owners=[stream.owner],
            kinds={"deltalake", layer.value} if layer is not Layer.EXCEPTIONS else {"deltalake"},
            tags={"layer": layer.value},
            partitions_def=partitions,
            skippable=True,
        )
        for layer in Layer
    ]


def model_spec(model: Model, partitions: dg.PartitionsDefinition) -> dg.AssetSpec:
    """A model's table."""
    return dg.AssetSpec(
        [model.name],
        deps=[table_key(name, Layer.SILVER) for name in model.inputs],
        description=f"{model.description}\n\n```sql\n{model.sql.strip()}\n```",
        group_name=model.pipeline,
        owners=[model.owner],
        kinds={"deltalake", "gold", "sql"},
        tags={"layer": "gold"},
        partitions_def=partitions,
        skippable=True,
    )


def check_specs(stream: Stream, partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """What is checked of every batch of a stream."""
    silver = table_key(stream.name, Layer.SILVER)
    return [
        dg.AssetCheckSpec(name, asset=silver, description=text, partitions_def=partitions)
        for name, text in CHECKS.items()
    ]


def pipeline_assets(pipeline: Pipeline) -> dg.AssetsDefinition:
    """One multi-asset for the pipeline: its body is a lease."""
    partitions = hourly(pipeline)
    streams = [spec for stream in pipeline.streams for spec in stream_specs(stream, partitions)]
    models = [model_spec(model, partitions) for model in pipeline.models]

    @dg.multi_asset(
        name=f"{pipeline.name}_lease",
        specs=[*streams, *models],
        check_specs=[check for stream in pipeline.streams for check in check_specs(stream, partitions)],
        partitions_def=partitions,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=24),
        op_tags={"pipeline": pipeline.name},
    )
    def lease(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult]:
        """Take the pipeline's lock, work until the lease ends, and report what each hour holds."""
        yield from execute(context, platform, pipeline)

    return lease


def execute(
    context: dg.AssetExecutionContext, platform: PlatformResource, pipeline: Pipeline
) -> Iterator[dg.MaterializeResult]:
    """The body of every run: what is reported are log events, since one run may speak for several hours."""
    asked = [datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC) for key in context.partition_keys]
    reported: set[datetime] = set()

    def report_first(cycle: CycleReport) -> None:
        """Show an hour as soon as its first batch is published; the rest at the end of the run."""
        new = {manifest.hour for manifest in cycle.manifests} - reported
        if new:
            reported.update(new)
            report.report_hours(context, parts, sorted(new))

    with worker_log(read_settings()), platform.parts(pipeline, f"run {context.run_id}") as parts:
        done = run_lease(parts, context.run_id, asked[-1], report_first)
        hours = {manifest.hour for manifest in done.manifests} | set(asked)
        report.report_hours(context, parts, sorted(hours))
    context.log.info(f"{len(done.manifests)} batches in {done.cycles} cycles, {done.seconds:.1f} s, epoch {done.epoch}")
    yield from ()


def jobs(pipelines: Sequence[Pipeline]) -> list[UnresolvedAssetJobDefinition]:
    """One job per pipeline: everything it consists of, in one process."""
    return [
        dg.define_asset_job(
            pipeline.name,
            selection=dg.AssetSelection.assets(*_keys(pipeline)),
            executor_def=dg.in_process_executor,
            partitions_def=hourly(pipeline),
            description=f"A lease on {pipeline.name}: executes what is planned, and goes on while data comes.",
        )
        for pipeline in pipelines
    ]


def _keys(pipeline: Pipeline) -> list[dg.AssetKey]:
    tables = [table_key(stream.name, layer) for stream in pipeline.streams for layer in Layer]
    return tables + [dg.AssetKey([model.name]) for model in pipeline.models]
