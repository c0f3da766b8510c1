"""`ap metrics`: what /metrics says."""

import click

from analytics_platform.cli.output import say_json
from analytics_platform.products import catalog
from analytics_platform.quality.metrics import render
from analytics_platform.service.metrics import measure_from
from analytics_platform.settings import read_settings


@click.command(epilog="Example: ap metrics | promtool check metrics")
@click.option("--openmetrics", is_flag=True, help="As OpenMetrics instead of Prometheus' own text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(openmetrics: bool, as_json: bool) -> None:
    """The hour so far of each stream, checks that fail and alerts that stand, for Prometheus."""
    settings = read_settings()
    found = measure_from(settings.ledger_dsn, settings, catalog())()
    if as_json:
        say_json({family.name: [[dict(labels), value] for labels, value in family.samples] for family in found})
    else:
        click.echo(render(found, is_openmetrics=openmetrics), nl=False)
