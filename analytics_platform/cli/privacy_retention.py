"""`ap privacy retention`: for how long tables keep rows."""

from datetime import timedelta

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.product.retention import kept_for
from analytics_platform.products import catalog
from analytics_platform.registry.retention_file import pipeline_with_retention
from analytics_platform.settings import read_settings


@click.command(epilog="Example: ap privacy retention --json")
@as_json
def retention(as_json: bool) -> None:
    """For how long rows of each stream and model are kept: by AP_RETENTION_HOURS and schemas/retention.yaml.

    Whatever is the shortest counts; streams that a model joins over a life go together, and a model's rows with the
    first of the streams that it is computed from.
    """
    settings = read_settings()
    rows: list[dict[str, object]] = []
    for declared in catalog().pipelines.values():
        spans = kept_for(pipeline_with_retention(declared, settings.schema_dir), settings.retention)
        names = [*declared.stream_names, *declared.model_names]
        rows += [
            {"name": name, "hours": spans[name] // timedelta(hours=1) if name in spans else None} for name in names
        ]
    if as_json:
        say_json(rows)
    for row in () if as_json else rows:
        click.echo(f"{row['name']:<24}{'for ever' if row['hours'] is None else str(row['hours']) + ' h'}")
