"""Telling Dagster what an hour holds: materialisations and check evaluations, as events of the run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from analytics_platform.definitions.hours import CheckOfHour, HourOfStream, checks_of_hour, sum_hour
from analytics_platform.facts import Outcome
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import publication
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Severity

MOST_NAMED = 20  # failing batches named in a check's metadata; the ledger has them all


def report_hours(context: dg.AssetExecutionContext, parts: Parts, hours: Sequence[datetime]) -> None:
    """One materialisation per selected asset and hour, and each check's verdict on the hour so far."""
    for hour in hours:
        for stream in parts.pipeline.streams:
            _report_stream(context, parts, stream.name, hour)
        for model in parts.pipeline.models:
            table = parts.tables.by_name[model.name]
            _materialised(context, [model.name], hour, {**_table_metadata(table), "dagster/row_count": table.rows()})


def _report_stream(context: dg.AssetExecutionContext, parts: Parts, stream: str, hour: datetime) -> None:
    manifests = publication.manifests_of_hours(parts.ledger, [stream], [hour])
    total = sum_hour(manifests)
    published = total.outcomes.get(Outcome.PUBLISHED, 0)
    rows = {Layer.BRONZE: total.rows, Layer.SILVER: published, Layer.EXCEPTIONS: total.rows - published}
    for layer in Layer:
        table = parts.tables.of(stream, layer)
        metadata = {
            **_table_metadata(table),
            **_hour_metadata(total),
            "dagster/row_count": table.rows(),
            "dagster/partition_row_count": rows[layer],
        }
        _materialised(context, [stream, layer.value], hour, metadata)
    for check in checks_of_hour(manifests):
        _evaluated(context, check, hour)


def _materialised(
    context: dg.AssetExecutionContext, key: Sequence[str], hour: datetime, metadata: dict[str, Any]
) -> None:
    asset = dg.AssetKey(key)
    if asset in context.selected_asset_keys:
        context.log_event(dg.AssetMaterialization(asset, partition=_partition(hour), metadata=metadata))


def _evaluated(context: dg.AssetExecutionContext, check: CheckOfHour, hour: datetime) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(check.asset.split("/")), check.check)
    if key not in context.selected_asset_check_keys:
        return
    is_error = Severity(check.severity) is Severity.ERROR
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=check.detail,
            metadata={
                "batches": dg.MetadataValue.int(check.batches),
                "failing batches": dg.MetadataValue.text(", ".join(check.failing[:MOST_NAMED]) or "none"),
                **{name: dg.MetadataValue.float(float(value)) for name, value in check.values.items()},
            },
            partition=_partition(hour),
        )
    )


def _table_metadata(table: Table) -> dict[str, Any]:
    return {
        "dagster/column_schema": _column_schema(table.shape.columns),
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


def _column_schema(columns: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(c.name, str(c.type), constraints=dg.TableColumnConstraints(nullable=c.nullable))
            for c in columns
        ]
    )


def _partition(hour: datetime) -> str:
    return hour.astimezone(UTC).strftime("%Y-%m-%d-%H:%M")
