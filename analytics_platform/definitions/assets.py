"""What runs: one multi-asset per pipeline, whose body is a lease on all of its tables, and the jobs that start it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PARTITION_NAME_TAG

from analytics_platform.definitions import report
from analytics_platform.definitions.hours import HOUR_FORMAT, partition_of
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.specs import check_specs, model_spec, stream_specs, table_key, topic_key, topic_spec
from analytics_platform.definitions.worker_log import worker_log
from analytics_platform.facts import Failpoint, StreamSchemas
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import planning, unreported
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.cycle import CycleReport
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Pipeline
from analytics_platform.settings import read_settings

LEASE_TAG = "platform/lease"
WHY_TAG = "platform/why"
WHAT_TAG = "platform/what"
RECALLED = "report: computes nothing, tells what the ledger holds"


def pipeline_assets(
    pipeline: Pipeline, partitions: dg.PartitionsDefinition, schemas: Mapping[str, StreamSchemas]
) -> dg.AssetsDefinition:
    """One multi-asset for the pipeline: its body is a lease."""
    streams = [spec for s in pipeline.streams for spec in stream_specs(s, partitions, schemas.get(s.name))]
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
    def lease(
        context: dg.AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """Take the pipeline's lock, work until the lease ends, and report what each hour holds."""
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


def execute(context: dg.AssetExecutionContext, parts: Parts) -> Iterator[dg.AssetCheckResult]:
    """The body of every run: the planner's runs are leases, all others report.

    What an hour holds is told by log events, since one run may speak for several hours. Only the checks of a run's own
    hour are yielded, since Dagster misses them otherwise; a backfill has a range for that, and its results no hour.
    """
    asked = [datetime.strptime(key, HOUR_FORMAT).replace(tzinfo=UTC) for key in context.partition_keys]
    hours = set(asked)
    if LEASE_TAG in context.run.tags:
        hours |= _work(context, parts, asked[-1])
    else:
        _recall(context, parts, asked)
    report.report_tables(context, parts, sorted(hours))
    own = {hour for hour in asked if context.run.tags.get(PARTITION_NAME_TAG) == partition_of(hour)}
    report.report_checks(context, parts, sorted(hours - own))
    for hour in own:
        yield from report.check_results(context, parts, hour)


def _work(context: dg.AssetExecutionContext, parts: Parts, hour: datetime) -> set[datetime]:
    """A lease; returns the hours it published batches of, and those of the writer before.

    That one may have been killed after it published and before it reported: a few events more when an hour begins are
    cheaper than to find out.
    """
    reported: set[datetime] = set()

    def report_first(cycle: CycleReport) -> None:
        """Show an hour as soon as its first batch is published; the rest at the end of the run."""
        new = sorted({manifest.hour for manifest in cycle.manifests} - reported)
        if new:
            reported.update(new)
            report.report_tables(context, parts, new)
            report.report_checks(context, parts, new)
            parts.reached(Failpoint.AFTER_EVENT)

    done = run_lease(parts, context.run_id, hour, report_first)
    context.log.info(f"{len(done.manifests)} batches in {done.cycles} cycles, {done.seconds:.1f} s, epoch {done.epoch}")
    before = unreported.hours_of_epoch(parts.ledger, parts.pipeline.stream_names, done.epoch - 1)
    return {manifest.hour for manifest in done.manifests} | set(before)


def _recall(context: dg.AssetExecutionContext, parts: Parts, asked: Sequence[datetime]) -> None:
    """A run that somebody asked for: each batch was judged under the versions that are declared, so it stays as it is.

    What is planned and not yet published is left to the next lease, which the planner asks for by itself.
    """
    context.instance.add_run_tags(context.run_id, {WHAT_TAG: RECALLED})
    left = [batch for batch in planning.open_batches(parts.ledger, parts.pipeline.stream_names) if batch.hour in asked]
    context.log.info(
        f"Nothing is computed again: tables hold what was published, and batches do not change once they are. "
        f"Reported from the ledger: {', '.join(partition_of(hour) for hour in asked)}. "
        f"Batches of these hours that are still open: {len(left)}; the planner's next lease finishes them."
    )


def jobs(
    pipelines: Sequence[Pipeline], partitions: Mapping[str, dg.PartitionsDefinition]
) -> list[UnresolvedAssetJobDefinition]:
    """One job per pipeline: everything it consists of, in one process."""
    return [
        dg.define_asset_job(
            pipeline.name,
            selection=dg.AssetSelection.assets(*_keys(pipeline)),
            executor_def=dg.in_process_executor,
            partitions_def=partitions[pipeline.name],
            description=f"A lease on {pipeline.name}: executes what is planned, and goes on while data comes.",
        )
        for pipeline in pipelines
    ]


def _keys(pipeline: Pipeline) -> list[dg.AssetKey]:
    tables = [table_key(stream.name, layer) for stream in pipeline.streams for layer in Layer]
    return tables + [dg.AssetKey([model.name]) for model in pipeline.models]
