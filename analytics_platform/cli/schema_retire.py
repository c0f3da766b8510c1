"""`ap schema deprecate|archive|impact`: a version's end, and what a change or an end would touch."""

from datetime import date, datetime
from typing import Any

import click

from analytics_platform.asking import given_token
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.registrar import registrar
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.pipeline.governance.examine import evidence_of
from analytics_platform.pipeline.governance.opening import caller, desk_of
from analytics_platform.pipeline.governance.retire import archive as archived
from analytics_platform.pipeline.governance.retire import deprecate as deprecated
from analytics_platform.pipeline.governance.retire import needed_by, version_of
from analytics_platform.products import catalog
from analytics_platform.registry.numbers import waiting
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.texts import propose
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import read_settings

NUMBER = click.IntRange(1)


@click.command(epilog="Example: ap schema deprecate bids-value 1 --sunset 2027-01-31")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@click.option(
    "--sunset", type=click.DateTime(["%Y-%m-%d"]), help="The last day; the policy's `sunset_days` if left out."
)
@as_json
def deprecate(subject: str, version: int, sunset: datetime | None, as_json: bool) -> None:
    """Ask producers to leave a published version. What is written in it stays readable; each batch counts its use."""
    settings = read_settings()
    with registrar(settings) as registry:

        def act(snapshot: Snapshot) -> date:
            who, day = caller(registry, given_token(settings)), sunset.date() if sunset else None
            found = version_of(snapshot, subject, version)
            return deprecated(registry, desk_of(registry, catalog()), snapshot, found, day, who)

        until = registry.decide(act)
    if as_json:
        say_json({"subject": subject, "version": version, "state": "deprecated", "sunset": until})
    else:
        click.echo(f"{subject} version {version} is deprecated until {until}")


@click.command(epilog="Example: ap schema archive bids-value 1")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@as_json
def archive(subject: str, version: int, as_json: bool) -> None:
    """Put a deprecated version away. Refused, with exit code 1, while anything that is kept needs it: each is named."""
    settings = read_settings()
    with registrar(settings) as registry, KafkaReader(cluster_of(settings, PartName.OPERATOR)) as reader:

        def act(snapshot: Snapshot) -> None:
            desk, found = desk_of(registry, catalog()), version_of(snapshot, subject, version)
            needs = needed_by(registry, desk, snapshot, found, settings.table_dir, reader)
            archived(registry, desk, found, needs, caller(registry, given_token(settings)))

        registry.decide(act)
    if as_json:
        say_json({"subject": subject, "version": version, "state": "archived"})
    else:
        click.echo(f"{subject} version {version} is archived; its id stays, and old tables are read with it")


@click.command(epilog="Example: ap schema impact bids-value 1")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@as_json
def impact(subject: str, version: int, as_json: bool) -> None:
    """What VERSION touches: of a draft its evidence, of one with an id everything that needs it. Changes nothing."""
    settings = read_settings()
    with registrar(settings) as registry:
        snapshot = registry.decide(lambda snapshot: snapshot)
        drafts, desk = waiting(registry.folder, subject), desk_of(registry, catalog())
        if version in drafts:
            proposed = propose(drafts[version], snapshot.text_of)
            found: dict[str, Any] = evidence_of(settings, snapshot, subject, proposed, desk).document()
        else:
            there = version_of(snapshot, subject, version)
            with KafkaReader(cluster_of(settings, PartName.OPERATOR)) as reader:
                found = {"needed by": needed_by(registry, desk, snapshot, there, settings.table_dir, reader)}
    if as_json:
        say_json(found)
    else:
        for name, value in found.items():
            for line in value.items() if isinstance(value, dict) else value:
                click.echo(f"{name}: {': '.join(map(str, line)) if isinstance(line, tuple) else line}")


COMMANDS = (deprecate, archive, impact)
