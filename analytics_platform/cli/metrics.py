"""`ap metrics`: what /metrics says."""

from datetime import UTC, datetime
from typing import Any

import click
import psycopg

from analytics_platform.cli.output import say_json
from analytics_platform.facts import Outcome
from analytics_platform.ledger.postgres import metrics as store
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.quality.metrics import Family, HourOfStream, families, render
from analytics_platform.settings import read_settings


@click.command(epilog="Example: ap metrics | promtool check metrics")
@click.option("--openmetrics", is_flag=True, help="As OpenMetrics instead of Prometheus' own text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(openmetrics: bool, as_json: bool) -> None:
    """The hour so far of each stream, checks that fail and alerts that stand, for Prometheus."""
    with connect(read_settings().ledger_dsn, application="ap metrics") as ledger:
        found = measured(ledger, datetime.now(UTC))
    if as_json:
        say_json({family.name: [[dict(labels), value] for labels, value in family.samples] for family in found})
    else:
        click.echo(render(found, is_openmetrics=openmetrics), nl=False)


def measured(ledger: psycopg.Connection, now: datetime) -> list[Family]:
    """Every metric, from the ledger."""
    hours = [_hour(row) for row in store.newest_hours(ledger, sorted(catalog().streams))]
    return families(hours, store.failing_counts(ledger), store.alert_counts(ledger, now), now)


def _hour(row: dict[str, Any]) -> HourOfStream:
    outcomes = {Outcome(name): int(count) for name, count in (row.pop("outcomes") or {}).items()}
    counts = {name: int(row[name]) for name in ("offsets", "gaps", "rows", "too_late", "verdicts", "failed")}
    values: dict[str, Any] = {**row, **counts, "outcomes": outcomes, "age_seconds": float(row["age_seconds"] or 0)}
    return HourOfStream(**values)
