"""`ap schema consumer add|list`: who reads what, so that those are told whom a change concerns."""

from dataclasses import asdict
from typing import Any

import click

from analytics_platform.asking import given_token
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.registrar import registrar
from analytics_platform.governance.consumers import CONSUMERS_FILE, Consumer, consumers_text
from analytics_platform.pipeline.governance.opening import caller, desk_of
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.settings import read_settings


@click.group("consumer")
def consumer() -> None:
    """Whoever reads topics or tables; they are told of what concerns them, and what they read is kept."""


@consumer.command(epilog="Example: ap schema consumer add fraud --owner team:fraud --reads bids-value --column price")
@click.argument("name")
@click.option("--owner", required=True, help="Whom alerts go to.")
@click.option("--reads", required=True, help="A subject, a stream or a model.")
@click.option("--version", type=click.IntRange(1), default=None, help="The version that it cannot do without.")
@click.option("--column", "columns", multiple=True, help="A column that it reads; all if none is named.")
@click.option("--group", "groups", multiple=True, help="A consumer group that it reads Kafka with, as fraud-*.")
@as_json
def add(as_json: bool, **said: Any) -> None:
    """Register a consumer in schemas/consumers.yaml, or say anew what one of that NAME reads."""
    new = Consumer(**said)
    settings = read_settings()
    with registrar(settings) as registry:

        def act(_: Snapshot) -> None:
            desk = desk_of(registry)
            text = consumers_text([*(each for each in desk.consumers() if each.name != new.name), new])
            who = caller(registry, given_token(settings))
            desk.write({CONSUMERS_FILE: lambda _: text}, f"schemas: {new}", who)

        registry.decide(act)
    if as_json:
        say_json(asdict(new))
    else:
        click.echo(str(new))


@consumer.command("list", epilog="Example: ap schema consumer list --json | jq '.[].owner'")
@as_json
def list_consumers(as_json: bool) -> None:
    """Everybody who is registered."""
    with registrar(read_settings()) as registry:
        found = [asdict(each) for each in desk_of(registry).consumers()]
    if as_json:
        say_json(found)
    else:
        say_table(found, ["name", "owner", "reads", "version", "columns", "groups"])


COMMANDS = (consumer,)
