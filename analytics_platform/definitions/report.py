"""Telling Dagster what an hour holds: materialisations and check evaluations, as events of the run."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from analytics_platform.definitions.columns import table_schema
from analytics_platform.definitions.hours import CheckOfHour, HourOfStream, checks_of_hour, partition_of, sum_hour
from analytics_platform.definitions.specs import topic_key
from analytics_platform.facts import Outcome
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import publication
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Severity, Stream

MOST_NAMED = 20  # failing batches named in a check's metadata; the ledger has them all


def report_tables(context: dg.AssetExecutionContext, parts: Parts, hours: Sequence[datetime]) -> None:
    """One materialisation per selected asset and hour."""
    for hour in hours:
        for stream in parts.pipeline.streams:
            _report_stream(context, parts, stream, hour)
        for model in parts.pipeline.models:
            table = parts.tables.by_name[model.name]
            columns = table_schema(table.shape.columns, model.columns)
            metadata = {"dagster/column_schema": columns, **_table_metadata(table), "dagster/row_count": table.rows()}
            _materialised(context, [model.name], hour, metadata)


def report_checks(context: dg.AssetExecutionContext, parts: Parts, hours: Sequence[datetime]) -> None:
    """Each selected check's verdict on those hours so far, as events."""
    for hour in hours:
        for check in _checks(context, parts, hour):
            key, told = _key(check), _told(check)
            event = dg.AssetCheckEvaluation(
                asset_key=key.asset_key, check_name=key.name, partition=partition_of(hour), **told
            )
            context.log_event(event)


def check_results(context: dg.AssetExecutionContext, parts: Parts, hour: datetime) -> Iterator[dg.AssetCheckResult]:
    """The same as results of the run's own hour."""
    for check in _checks(context, parts, hour):
        key = _key(check)
        yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, **_told(check))


def _checks(context: dg.AssetExecutionContext, parts: Parts, hour: datetime) -> list[CheckOfHour]:
    manifests = publication.manifests_of_hours(parts.ledger, parts.pipeline.stream_names, [hour])
    return [check for check in checks_of_hour(manifests) if _key(check) in context.selected_asset_check_keys]


def _key(check: CheckOfHour) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(check.asset.split("/")), check.check)


def _told(check: CheckOfHour) -> dict[str, Any]:
    is_error = Severity(check.severity) is Severity.ERROR
    return {
        "passed": check.passed,
        "severity": dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        "description": check.detail,
        "metadata": {
            "batches": check.batches,
            "failing batches": ", ".join(check.failing[:MOST_NAMED]) or "none",
            **{f"last batch: {name.replace('_', ' ')}": value for name, value in _measured(check).items()},
        },
    }


def _measured(check: CheckOfHour) -> dict[str, float | str]:
    """The check's values; a limit as text, for Dagster draws a curve of every number."""
    return {name: f"{value:g}" if name.startswith("limit") else float(value) for name, value in check.values.items()}


def _report_stream(context: dg.AssetExecutionContext, parts: Parts, stream: Stream, hour: datetime) -> None:
    manifests = publication.manifests_of_hours(parts.ledger, [stream.name], [hour])
    total = sum_hour(manifests)
    published = total.outcomes.get(Outcome.PUBLISHED, 0)
    rows = {Layer.BRONZE: total.rows, Layer.SILVER: published, Layer.EXCEPTIONS: total.rows - published}
    for layer in Layer:
        table = parts.tables.of(stream.name, layer)
        metadata = {
            **_table_metadata(table),
            **_hour_metadata(total),
            "dagster/row_count": table.rows(),
            "dagster/partition_row_count": rows[layer],
        }
        _materialised(context, [stream.name, layer.value], hour, metadata)
    if total.batches:
        read = {"hour": partition_of(hour), "offsets read": total.offsets, "batches": total.batches}
        context.log_event(dg.AssetObservation(topic_key(stream), metadata=read))


def _materialised(
    context: dg.AssetExecutionContext, key: Sequence[str], hour: datetime, metadata: dict[str, Any]
) -> None:
    asset = dg.AssetKey(key)
    if asset in context.selected_asset_keys:
        context.log_event(dg.AssetMaterialization(asset, partition=partition_of(hour), metadata=metadata))


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
    }
