"""`ap access`: what Kafka is to have, what it has, and making the one of the other; who did what here; secrets."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from analytics_platform.cli import access_log, access_scan
from analytics_platform.cli.access_client import client_command
from analytics_platform.cli.access_rotate import revoke_command, rotate
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.pipeline.access import FILE, DeclaredAccess, bring_about, declared_access, look
from analytics_platform.security.access import Difference
from analytics_platform.security.access_wanted import wanted_principals, wanted_topics
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.security.password_files import passwords_in
from analytics_platform.security.strimzi import as_yaml, topic_resource, user_resource
from analytics_platform.settings import read_settings

DRIFTED = 1
in_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FILE,
    show_default="infra/kafka/access.yaml",
    help="Who may do what beside the platform's own parts.",
)


@click.group()
def command() -> None:
    """Who may do what, on Kafka and here, and who did. Kafka's follows from the streams and infra/kafka/access.yaml."""


command.add_command(client_command)
command.add_command(rotate)
command.add_command(revoke_command)


@command.command(epilog="Example: ap access plan")
@in_file
@as_json
def plan(file: Path, as_json: bool) -> None:
    """What applying would change, and what it would leave. Changes nothing."""
    with _connected(file) as (client, declared):
        found = look(client, declared)
    if as_json:
        say_json({"cluster": client.bootstrap, "differences": _rows(found)})
        return
    _say(found, f"{client.bootstrap} is as declared: {_counts(declared)}")


@command.command(epilog="Example: ap access apply --passwords ~/kafka-passwords")
@in_file
@click.option("--remove", is_flag=True, help="Take away what nobody declared, too; never a topic.")
@click.option(
    "--passwords",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the passwords that are made, one file for each principal, for you only.",
)
@as_json
def apply(file: Path, remove: bool, passwords: Path | None, as_json: bool) -> None:
    """Make the cluster as declared. A second time there is nothing to do. Exit code 1: something needs a person."""
    password_of: Callable[[str], str] | None = passwords_in(passwords) if passwords else None
    with _connected(file) as (client, declared):
        said = bring_about(client, declared, removes=remove, password_of=password_of)
    if as_json:
        say_json({"cluster": client.bootstrap, "done": _rows(said.done), "left": _rows(said.left)})
    else:
        for each in said.done:
            click.echo(f"done     {each}")
        _say(said.left, f"{client.bootstrap} is as declared: {_counts(declared)}", "left     ")
    if any(not each.is_extra for each in said.left):
        sys.exit(DRIFTED)


@command.command(epilog="Example: ap access verify || ap access plan")
@in_file
@as_json
def verify(file: Path, as_json: bool) -> None:
    """Whether the cluster is as declared; each drift is named, with what to do. Exit code 1 when there is one."""
    with _connected(file) as (client, declared):
        found = look(client, declared)
    if as_json:
        say_json({"cluster": client.bootstrap, "drift": _rows(found)})
    else:
        _say(found, f"{client.bootstrap} is as declared: {_counts(declared)}")
    if found:
        sys.exit(DRIFTED)


@command.command(epilog="Example: ap access render --strimzi deploy/kafka --cluster our-kafka")
@in_file
@click.option(
    "--strimzi",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder for topics.yaml and users.yaml.",
)
@click.option("--cluster", default="kafka", show_default=True, help="The name of the Kafka resource they belong to.")
@as_json
def render(file: Path, strimzi: Path, cluster: str, as_json: bool) -> None:
    """The same topics, users, quotas and ACLs as resources of Strimzi, for a cluster that it runs."""
    declared = declared_access(read_settings().schema_dir, file)
    topics = wanted_topics(declared.streams, declared.file)
    texts = {
        "topics.yaml": as_yaml(topic_resource(name, kept, cluster) for name, kept in topics.items()),
        "users.yaml": as_yaml(user_resource(p, cluster) for p in wanted_principals(declared.streams, declared.file)),
    }
    strimzi.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (strimzi / name).write_text(text, encoding="utf-8")
    if as_json:
        say_json({"files": [strimzi / name for name in texts]})
    else:
        click.echo(f"wrote {' and '.join(str(strimzi / name) for name in texts)}: {_counts(declared)}")


for verb in (*access_log.COMMANDS, *access_scan.COMMANDS):
    command.add_command(verb)


@contextmanager
def _connected(file: Path) -> Generator[tuple[Client, DeclaredAccess]]:
    """What is declared, read before anybody is asked, and the cluster of the settings."""
    settings = read_settings()
    declared = declared_access(settings.schema_dir, file)
    client = Client(cluster_of(settings, PartName.ADMIN))
    try:
        yield client, declared
    finally:
        client.close()


def _counts(declared: DeclaredAccess) -> str:
    kinds = [type(item).__name__ for item in declared.wanted]
    return f"{kinds.count('Topic')} topics, {kinds.count('Acl')} ACLs, {kinds.count('Quota')} quotas"


def _say(found: Sequence[Difference], nothing: str, before: str = "") -> None:
    for each in found:
        click.echo(f"{before}{each}; {each.remedy}")
    if not found:
        click.echo(nothing)


def _rows(found: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "state": each.state,
            "kind": type(each.item).__name__,
            "name": str(each.item),
            "wanted": each.wanted,
            "found": each.found,
            "remedy": each.remedy,
        }
        for each in found
    ]
