"""Checks of published tables: on a schedule, on the cut that readers see, never in the way of a batch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from analytics_platform.definitions.maintenance import MAINTENANCE_TAG
from analytics_platform.definitions.specs import contract_checks, contract_metadata, table_key
from analytics_platform.facts import CheckResult, Verdict
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import accuracy, failing
from analytics_platform.ledger.postgres.accuracy import Accuracy
from analytics_platform.postgres import connect
from analytics_platform.product import Model, Pipeline, Severity, Stream
from analytics_platform.products import catalog
from analytics_platform.published import rows_together
from analytics_platform.quality.contract import Scope
from analytics_platform.quality.table import verify_table
from analytics_platform.settings import LedgerRole, read_settings

EVERY = "*/10 * * * *"
VERIFIES = "Verifies the contracts of published tables; never in the way of a batch."
Product = Stream | Model


def table_checks(pipeline: Pipeline) -> dg.AssetChecksDefinition | None:
    """One check for each of scope `table` in the contracts of the pipeline's streams and models; None without any."""
    products = [p for p in (*pipeline.streams, *pipeline.models) if contract_checks(p, Scope.TABLE)]
    if not products:
        return None

    @dg.multi_asset_check(
        name=f"{pipeline.name}_verify_contracts",  # no op may be called like a job
        specs=[
            dg.AssetCheckSpec(c.name, asset=_key(p), description=c.title, metadata=contract_metadata(c))
            for p in products
            for c in contract_checks(p, Scope.TABLE)
        ],
        can_subset=True,
    )
    def verify(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        """Verify each product's table; what fails becomes an alert."""
        for product in products:
            yield from _results(product, verify_published(product, datetime.now(UTC)), context)

    return verify


def jobs_of_checks(
    suffix: str, checks: Sequence[tuple[Pipeline, dg.AssetChecksDefinition]], every: str, description: str
) -> tuple[list[dg.JobDefinition], list[dg.ScheduleDefinition]]:
    """A job for each pipeline's checks of published tables, and the schedule that runs it."""
    jobs = [
        dg.define_asset_job(
            f"{pipeline.name}_{suffix}",
            selection=dg.AssetSelection.checks(found),
            executor_def=dg.in_process_executor,
            tags={MAINTENANCE_TAG: suffix},  # it may start cold
            description=description,
        )
        for pipeline, found in checks
    ]
    schedules = [
        dg.ScheduleDefinition(job=job, cron_schedule=every, default_status=dg.DefaultScheduleStatus.RUNNING)
        for job in jobs
    ]
    return jobs, schedules  # ty: ignore[invalid-explicit-return] - Dagster resolves them later


def verify_published(product: Product, now: datetime) -> tuple[CheckResult, ...]:
    """Verify one table on the published cut, and keep what fails for the alerts; nothing while it is not published."""
    settings = read_settings()
    references = {check.name: check.reference for check in contract_checks(product, Scope.TABLE) if check.reference}
    found = rows_together(settings, catalog(), {product.name, *references.values()})
    if product.name not in found:
        return ()
    rows = found.pop(product.name)
    count = rows.count_rows() if hasattr(rows, "count_rows") else rows.num_rows
    results = verify_table(product, rows, count, now, found)
    with connect(settings.ledger_as(LedgerRole.WORKER), application="contracts") as ledger:
        failing.note_table(ledger, product.name, [_verdict(product, result) for result in results], now)
        accuracy.keep(ledger, product.name, _accuracies(results, references), now)
    return results


def _accuracies(results: Sequence[CheckResult], references: Mapping[str, str]) -> list[Accuracy]:
    """What the checks measured that compare with a reference; one that could not be evaluated measured nothing."""
    return [
        Accuracy(check=result.name, reference=references[result.name], value=result.values["value"])
        for result in results
        if result.name in references and "value" in result.values
    ]


def _results(
    product: Product, results: Sequence[CheckResult], context: dg.AssetCheckExecutionContext
) -> Iterator[dg.AssetCheckResult]:
    for result in results:
        if dg.AssetCheckKey(_key(product), result.name) in context.selected_asset_check_keys:
            is_error = result.severity is Severity.ERROR
            yield dg.AssetCheckResult(
                asset_key=_key(product),
                check_name=result.name,
                passed=result.passed,
                severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
                description=result.detail,
                metadata=dict(result.values),
            )


def _verdict(product: Product, result: CheckResult) -> Verdict:
    return Verdict(
        asset="/".join(_key(product).path),
        check=result.name,
        passed=result.passed,
        severity=result.severity,
        detail=result.detail,
        values=result.values,
        column=result.column,
    )


def _key(product: Product) -> dg.AssetKey:
    return table_key(product.name, Layer.SILVER) if isinstance(product, Stream) else dg.AssetKey([product.name])
