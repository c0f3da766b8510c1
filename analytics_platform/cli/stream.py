"""`ap stream`: the declared streams and how each is doing."""

from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.local.observe import observe
from analytics_platform.settings import read_settings


@click.group()
def command() -> None:
    """The declared streams."""


@command.command("list", epilog="Example: ap stream list --json | jq '.[] | select(.lag > 1000)'")
@as_json
def list_streams(as_json: bool) -> None:
    """Every stream: topic, owner, what the broker has, what is not published yet."""
    observed = observe(read_settings())
    progress = {stream.stream: stream for stream in observed.progress.streams}
    rows = [
        {"topic": stream.topic, "pipeline": stream.pipeline, "owner": stream.owner, **asdict(progress[stream.name])}
        for stream in observed.streams
    ]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ["stream", "topic", "owner", "offsets", "lag", "batches", "newest_event_at"])
    for system, reason in observed.progress.unreachable.items():
        click.echo(f"could not reach {system}: {reason}", err=True)
