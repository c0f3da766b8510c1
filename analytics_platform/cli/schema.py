"""`ap schema`: the registered schemas, and bringing git and the registry together."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from analytics_platform.asking import given_token
from analytics_platform.cli import schema_consumer, schema_propose, schema_retire, schema_review, schema_vote
from analytics_platform.cli.asking import ask
from analytics_platform.cli.draft_file import draft_in
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.registrar import registrar
from analytics_platform.cli.schema_sync import sync_command
from analytics_platform.errors import DeclarationError
from analytics_platform.pipeline.governance.opening import caller, judge_for
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.registry import store
from analytics_platform.registry.snapshot import Snapshot, Version
from analytics_platform.registry.texts import readable
from analytics_platform.security.roles import Action
from analytics_platform.settings import Settings, read_settings


@click.group()
def command() -> None:
    """The schemas of topics: versions and ids, what they say, what changes, whom a change would hurt."""


command.add_command(sync_command)
VERBS = (schema_review, schema_propose, schema_vote, schema_retire, schema_consumer)
for verb in (verb for module in VERBS for verb in module.COMMANDS):
    command.add_command(verb)


@command.command("list", epilog="Example: ap schema list --deleted")
@click.argument("prefix", default="")
@click.option("--deleted", is_flag=True, help="Deleted versions too.")
@as_json
def list_schemas(prefix: str, deleted: bool, as_json: bool) -> None:
    """Every version of the subjects whose names begin with PREFIX."""
    snapshot = _snapshot(read_settings())
    rows = [
        {**_row(version), "compatibility": snapshot.compatibility(version.subject)}
        for version in snapshot.every_version()
        if version.subject.startswith(prefix) and (version.is_active or deleted)
    ]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ["subject", "version", "id", "format", "state", "compatibility", "guid"])


@command.command(epilog="Example: ap schema show bids-value 1")
@click.argument("subject")
@click.argument("version", type=click.IntRange(1), required=False)
@as_json
def show(subject: str, version: int | None, as_json: bool) -> None:
    """A version of SUBJECT, the latest if none is named: its id, and its text."""
    snapshot = _snapshot(read_settings())
    found = snapshot.version(subject, version, deleted=version is not None)
    if found is None:
        known = ", ".join(f"{v.version}" for v in snapshot.versions(subject, deleted=True)) or "none"
        raise DeclarationError(subject, f"has no such version (it has: {known})", "`ap schema list` shows all")
    if as_json:
        say_json({**_row(found), "schema": json.loads(found.text.body)})
    else:
        say_table([_row(found)], ["subject", "version", "id", "format", "state", "guid"])
        click.echo(readable(found.text.body), nl=False)


@command.command(epilog="Example: ap schema register bids-value new-bids.avsc")
@click.argument("subject")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def register(subject: str, file: Path, as_json: bool) -> None:
    """Publish FILE (.avsc or .json) as the next version of SUBJECT, as the registry's HTTP interface does.

    It is judged by the subject's compatibility level and by the policy, gets its id, and is committed to git.
    """
    settings = read_settings()
    draft = draft_in(file, subject)
    asker = ask(Action.REGISTER_SCHEMA, subject)
    with registrar(settings) as registry:
        who = caller(registry, given_token(settings))
        found = registry.publish(draft, judge_for(registry, catalog(), who, asker=asker))
    if as_json:
        say_json(_row(found))
    else:
        click.echo(f"{subject} version {found.version} has id {found.text.id}")


def _snapshot(settings: Settings) -> Snapshot:
    with connect(settings.ledger_dsn, application="ap schema") as connection:
        return store.read_snapshot(connection)


def _row(version: Version) -> dict[str, Any]:
    return {
        "subject": version.subject,
        "version": version.version,
        "id": version.text.id,
        "format": str(version.text.format),
        "state": str(version.state),
        "guid": str(version.text.guid),
        "references": [asdict(reference) for reference in version.text.references],
    }
