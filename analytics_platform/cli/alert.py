"""`ap alert`: what stands, delivering by hand, and the routes of Alertmanager."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import deliver, standing
from analytics_platform.alerts.destinations import destinations_of
from analytics_platform.alerts.routes import routes
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.pipeline.known import known_of
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.registry.folder import read_schemas
from analytics_platform.settings import Settings, read_settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Alerts: one for each cause, delivered at least once."""


@command.command("list", epilog="Example: ap alert list --json | jq '.[].labels.cause'")
@as_json
def list_alerts(as_json: bool) -> None:
    """The alerts that stand, oldest first; exit code 1 if there are any."""
    with connect(read_settings().ledger_dsn, application="ap alert") as ledger:
        found = sorted(standing(ledger, datetime.now(UTC)), key=lambda alert: alert.starts_at)
    if as_json:
        say_json([{"key": alert.key, **asdict(alert)} for alert in found])
    elif found:
        say_table([_row(alert.labels, alert.annotations, alert.starts_at) for alert in found], COLUMNS)
    sys.exit(1 if found else 0)


COLUMNS = ["since", "severity", "alert", "about", "owner", "summary"]


@command.command(epilog="Example: ap alert send")
@as_json
def send(as_json: bool) -> None:
    """Deliver what is due, as the sensor `alerts` does every few seconds; exit code 1 if a destination fails."""
    settings = read_settings()
    with connect(settings.ledger_dsn, application="ap alert") as ledger:
        problems = deliver(ledger, destinations_of(settings), _known(settings), datetime.now(UTC))
    if as_json:
        say_json({"problems": problems})
    else:
        click.echo("\n".join(problems) or "everything is delivered", err=bool(problems))
    sys.exit(1 if problems else 0)


@command.command("routes", epilog="Example: ap alert routes --receivers receivers.yml > alertmanager.yml")
@click.option("--receivers", type=FILE, help="YAML: by owner (or owner/severity) the receiver's configs.")
@as_json
def print_routes(receivers: Path | None, as_json: bool) -> None:
    """A configuration for Alertmanager, generated from who owns the streams and models."""
    named: dict[str, Any] = yaml.safe_load(receivers.read_text(encoding="utf-8")) or {} if receivers else {}
    declared = catalog()
    owners = [product.owner for product in (*declared.streams.values(), *declared.models.values())]
    made = routes(owners, named)
    if as_json:
        say_json(made)
    else:
        click.echo(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), nl=False)


def _known(settings: Settings) -> Known:
    declared = without_drafts(catalog(), settings.schema_dir)
    return known_of(declared, {name: read_schemas(settings.schema_dir, name) for name in declared.streams})


def _row(labels: Any, annotations: Any, since: datetime) -> dict[str, str]:
    about = " ".join(labels[name] for name in ("asset", "cause", "subject") if name in labels)
    return {
        "since": f"{since:%Y-%m-%d %H:%M:%S}",
        "severity": labels.get("severity", ""),
        "alert": labels.get("alertname", ""),
        "about": about,
        "owner": labels.get("owner", ""),
        "summary": annotations.get("summary", ""),
    }
