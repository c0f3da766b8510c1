"""Telling Dagster what an hour holds: materialisations and check evaluations, as events of the run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg

from analytics_platform.definitions.columns import lineage_metadata, silver_columns, table_schema
from analytics_platform.definitions.hours import (
    UP_TO_DATE,
    CheckOfHour,
    HourOfStream,
    model_check,
    partition_of,
)
from analytics_platform.definitions.so_far import hour_now
from analytics_platform.definitions.specs import topic_key
from analytics_platform.facts import BatchId, Outcome
from analytics_platform.lake.incomplete import Lacking, of_all
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.changes import Change, outcomes_moved
from analytics_platform.ledger.postgres import failing
from analytics_platform.ledger.postgres.frozen import frozen_now
from analytics_platform.ledger.postgres.incomplete import lacking
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model, Severity, Stream

NO_DATA = "No data: no batch was planned in this hour."
MOST_NAMED = 20  # failing batches named in a check's metadata; the ledger has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom to tell, from what, and what the run has changed by hour and stream."""

    context: dg.AssetExecutionContext
    parts: Parts
    changes: Mapping[tuple[datetime, str], Change] = field(default_factory=dict)


def report_tables(told: Told, hours: Sequence[datetime]) -> None:
    """One materialisation per selected asset and hour."""
    pipeline = told.parts.pipeline
    held = lacking(told.parts.ledger, pipeline.stream_names)
    for hour in hours:
        batches = sum(_report_stream(told, stream, hour) for stream in pipeline.streams)
        for model in pipeline.models:
            metadata = {**_model_metadata(told.parts, model), **_incomplete_metadata(model, held)}
            _materialised(told, [model.name], hour, metadata, is_empty=not batches)


def report_checks(told: Told, hours: Sequence[datetime]) -> None:
    """Each selected check's verdict on those hours so far, as events."""
    for hour in hours:
        for check in _checks(told, hour):
            key = _key(check)
            event = dg.AssetCheckEvaluation(
                asset_key=key.asset_key, check_name=key.name, partition=partition_of(hour), **_verdict(check)
            )
            told.context.log_event(event)


def check_results(told: Told, hour: datetime) -> Iterator[dg.AssetCheckResult]:
    """The same as results of the run's own hour."""
    for check in _checks(told, hour):
        key = _key(check)
        yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, **_verdict(check))


def _checks(told: Told, hour: datetime) -> list[CheckOfHour]:
    streams = [hour_now(told.parts.ledger, stream, hour) for stream in told.parts.pipeline.stream_names]
    found = [check for stream in streams for check in stream.checks]
    found += _model_checks(told, sum(stream.batches for stream in streams))
    return [check for check in found if _key(check) in told.context.selected_asset_check_keys]


def _model_checks(told: Told, batches: int) -> list[CheckOfHour]:
    """Whether the models that a contract can freeze are frozen now, whatever the hour: none of their rows follow."""
    keys = told.context.selected_asset_check_keys
    names = told.parts.pipeline.model_names
    models = [name for name in names if dg.AssetCheckKey(dg.AssetKey([name]), UP_TO_DATE) in keys]
    if not models:
        return []
    frozen = frozen_now(told.parts.ledger)
    broken = failing.freezing(told.parts.ledger, told.parts.pipeline.stream_names)
    by_cause = [((f"{batch.stream}/{Layer.SILVER}", column), str(batch)) for batch, column in broken]
    causes = {name: {(f.asset, f.column) for f in frozen if f.model == name} for name in models}
    return [model_check(name, [b for cause, b in by_cause if cause in causes[name]], batches) for name in models]


def _key(check: CheckOfHour) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(check.asset.split("/")), check.check)


def _verdict(check: CheckOfHour) -> dict[str, Any]:
    is_error = Severity(check.severity) is Severity.ERROR
    return {
        "passed": check.passed,
        "severity": dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        "description": check.detail,
        "metadata": {
            "batches": check.batches,
            "failing batches": ", ".join(check.failing[:MOST_NAMED]) or "none",
            **({"settled batches": "; ".join(check.settled[:MOST_NAMED])} if check.settled else {}),
            **{f"last batch: {name.replace('_', ' ')}": value for name, value in _measured(check).items()},
        },
    }


def _measured(check: CheckOfHour) -> dict[str, float | str]:
    """The check's values; a limit as text, for Dagster draws a curve of every number."""
    return {name: f"{value:g}" if name.startswith("limit") else float(value) for name, value in check.values.items()}


def _report_stream(told: Told, stream: Stream, hour: datetime) -> int:
    """One stream's tables, and its topic; returns the hour's batches."""
    parts = told.parts
    total = hour_now(parts.ledger, stream.name, hour)
    published = total.outcomes.get(Outcome.PUBLISHED, 0)
    rows = {Layer.BRONZE: total.rows, Layer.SILVER: published, Layer.EXCEPTIONS: total.rows - published}
    change = told.changes.get((hour, stream.name))
    for layer in Layer:
        table = parts.tables.of(stream.name, layer)
        metadata = {
            **_table_metadata(table),
            **_hour_metadata(total),
            **(_change_metadata(change) if change else {}),
            **(silver_columns(stream, parts.schemas[stream.name], table) if layer is Layer.SILVER else {}),
            "dagster/row_count": table.rows(),
            "dagster/partition_row_count": rows[layer],
        }
        _materialised(told, [stream.name, layer.value], hour, metadata, is_empty=not total.batches)
    if total.batches:
        read = {"hour": partition_of(hour), "offsets read": total.offsets, "batches": total.batches}
        told.context.log_event(dg.AssetObservation(topic_key(stream), metadata=read))
    return total.batches


def _model_metadata(parts: Parts, model: Model) -> dict[str, Any]:
    tables, streams = parts.tables, parts.pipeline.stream_names
    table = tables.by_name[model.name]
    inputs = tuple((name, name in streams, tuple(tables.input(name).shape.columns.names)) for name in model.inputs)
    return {
        "dagster/column_schema": table_schema(table.shape.columns, model.columns),
        "dagster/column_lineage": lineage_metadata(model, inputs),
        **_table_metadata(table),
        "dagster/row_count": table.rows(),
    }


def _incomplete_metadata(model: Model, held: Mapping[BatchId, Lacking]) -> dict[str, Any]:
    """How many of its grains lack rows of batches that are held, and of which; nothing where none does."""
    batches = [str(batch) for batch, found in held.items() if model.name in found]
    if not batches:
        return {}
    grains = of_all(held.values())[model.name]
    lack = "any may be" if grains is None else f"{len(grains):,}"
    return {"incomplete grains": lack, "for held batches": ", ".join(batches[:MOST_NAMED])}


def _materialised(told: Told, key: Sequence[str], hour: datetime, metadata: dict[str, Any], *, is_empty: bool) -> None:
    asset = dg.AssetKey(key)
    if asset not in told.context.selected_asset_keys:
        return
    if is_empty:
        metadata = {"no data": True, **metadata}
    event = dg.AssetMaterialization(
        asset, partition=partition_of(hour), metadata=metadata, description=NO_DATA if is_empty else None
    )
    told.context.log_event(event)


def _table_metadata(table: Table) -> dict[str, Any]:
    return {
        "dagster/uri": str(table.root),
        "table version": table.version,
        "files": len(table.files()),
    }


def _hour_metadata(total: HourOfStream) -> dict[str, Any]:
    return {
        "batches": total.batches,
        "offsets": total.offsets,
        "offset gaps": total.gaps,
        **{f"rows {outcome}": count for outcome, count in total.outcomes.items()},
        **{f"rows too late for {model}": count for model, count in total.too_late.items() if count},
    }


def _change_metadata(change: Change) -> dict[str, Any]:
    told: dict[str, Any] = {"batches judged again": change.batches, "batches changed": change.changed}
    if change.changed:
        moved = outcomes_moved(change)
        told |= {"rows added": change.added, "rows removed": change.removed}
        told |= {f"{outcome}: before → after": f"{was:,} → {now:,}" for outcome, (was, now) in moved.items()}
    return told
