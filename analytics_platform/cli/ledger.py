"""`ap ledger`: the ledger itself: its schema and roles, and all of it when Postgres was lost."""

import json
from dataclasses import asdict
from typing import Any

import click

from analytics_platform.cli.asking import ask
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.pipelines import every_pipeline
from analytics_platform.errors import LedgerError
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.recover import Survey, lost_for_good, rebuild_ledger, survey
from analytics_platform.postgres import connect, migrate
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings


@click.group()
def command() -> None:
    """The ledger: what was planned and what became of it."""


@command.command("migrate", epilog="Example: ap ledger migrate")
@as_json
def migrate_schema(as_json: bool) -> None:
    """Bring the ledger's schema, and what its roles may do, up to date, as the owner of its database."""
    with connect(read_settings().ledger_dsn, application="ap ledger") as ledger:
        applied = migrate(ledger)
    if as_json:
        say_json({"applied": applied})
    else:
        click.echo("\n".join(applied) or "nothing is missing")


@command.command(epilog="Example: ap ledger rebuild --dry-run && ap ledger rebuild")
@click.option("--pipeline", help="Only this one; all if left out.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and what it costs.")
@click.option("--accept-loss", is_flag=True, help="Go on though Kafka no longer has what was landed and not recorded.")
@as_json
def rebuild(pipeline: str | None, dry_run: bool, accept_loss: bool, as_json: bool) -> None:
    """Rebuild an empty ledger from the tables, after Postgres was lost.

    Batches, manifests, contracts, the frontier and the published cut come back as the last recorded cycle left them.
    What was landed after it is dropped and read from Kafka again; models are recomputed by the next run.
    """
    done = []
    with every_pipeline(pipeline, "ap ledger rebuild") as opened:
        for parts in opened:
            found = survey(parts)
            _tell(_sentences(found))
            _require_kept(found, parts, accept_loss)
            if not dry_run:
                ask(Action.REPAIR, f"ledger of {found.pipeline}", accept_loss=accept_loss)
                rebuild_ledger(found, parts, lambda sentence: click.echo(sentence, err=True))
            done.append(asdict(found))
    if as_json:
        say_json({"rebuilt": not dry_run, "pipelines": done})
    elif not dry_run:
        click.echo("the ledger is rebuilt: runs go on where the last cycle ended, within five minutes (`ap status`)")


def _require_kept(found: Survey, parts: Parts, accept_loss: bool) -> None:
    lost = lost_for_good(found, parts)
    if lost and not accept_loss:
        remedy = "a rebuild would lose these rows for good; --accept-loss goes on without them"
        raise LedgerError("\n    ".join([f"pipeline {found.pipeline}: {remedy}", *lost]))


def _sentences(found: Survey) -> list[str]:
    unrecorded = [
        f"batch {u.stream}/{u.batch} ({u.rows:,} rows) is dropped and read from Kafka again" for u in found.unrecorded
    ]
    ahead = [f"table {name}: {count} commits later, which are undone" for name, count in found.ahead.items()]
    last = f"{found.recorded_at:%Y-%m-%d %H:%M:%S} UTC"
    return [
        f"pipeline {found.pipeline}: {found.manifests:,} records, the last of {last}, "
        f"batches up to {json.dumps(dict(found.batches))}, next epoch {found.epoch}",
        *ahead,
        *unrecorded,
        f"{found.rows_for_models:,} rows are read to mark every grain of the models; the next runs recompute them",
    ]


def _tell(sentences: list[Any]) -> None:
    for sentence in sentences:
        click.echo(sentence, err=True)
