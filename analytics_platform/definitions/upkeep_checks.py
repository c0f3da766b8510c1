"""Upkeep as a job of its own, once an hour: what leases leave undone is done, then each table says how it is kept."""

from collections.abc import Iterator

import dagster as dg

from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.specs import table_key
from analytics_platform.lake.condition import Condition
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.maintain import conditions, maintain
from analytics_platform.product import Pipeline

KEPT_SMALL = "kept_small"
HOURLY = "41 * * * *"
DOES = "Does the upkeep that no lease has done for an hour; says of each table whether it is kept small."


def upkeep_checks(pipeline: Pipeline) -> dg.AssetChecksDefinition:
    """One check for each table of the pipeline."""
    streams = [table_key(stream.name, layer) for stream in pipeline.streams for layer in Layer]
    keys = [*streams, *(dg.AssetKey([model.name]) for model in pipeline.models)]

    @dg.multi_asset_check(
        name=f"{pipeline.name}_keep_tables",
        specs=[
            dg.AssetCheckSpec(
                KEPT_SMALL,
                asset=key,
                description="Small files are folded, and what nobody needs of its log and files is deleted.",
                metadata={"severity": "warn", "documentation": "docs/dagster.md"},
            )
            for key in keys
        ],
        can_subset=True,
    )
    def keep(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetCheckResult]:
        """Do it under the pipeline's lock, then look."""
        run_id = context.run.run_id
        with platform.parts(pipeline, f"run {run_id}") as parts:
            done = maintain(parts, run_id)
            context.log.info(f"upkeep done, {done.folded} folds" if done.is_ours else "left to the pipeline's leases")
            yield from (_result(found) for found in conditions(parts) if _key(found) in _selected(context))

    return keep


def _selected(context: dg.AssetCheckExecutionContext) -> set[dg.AssetKey]:
    return {key.asset_key for key in context.selected_asset_check_keys}


def _result(found: Condition) -> dg.AssetCheckResult:
    problems = found.problems()
    return dg.AssetCheckResult(
        asset_key=_key(found),
        check_name=KEPT_SMALL,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or None,
        metadata=dict(found.figures()),
    )


def _key(found: Condition) -> dg.AssetKey:
    return dg.AssetKey(found.table.split("/"))
