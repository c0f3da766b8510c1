"""`ap stream`: the declared streams, how each is doing, and pauses of them."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from analytics_platform.cli import stream_new
from analytics_platform.cli.asking import ask, by
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.times import Until
from analytics_platform.errors import DeclarationError
from analytics_platform.ledger.postgres import pauses
from analytics_platform.ledger.postgres.pauses import Pause
from analytics_platform.local.observe import observe
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.registry.drafts import drafts
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings


@click.group()
def command() -> None:
    """The declared streams."""


command.add_command(stream_new.command)


@command.command("list", epilog="Example: ap stream list --json | jq '.[] | select(.lag > 1000)'")
@as_json
def list_streams(as_json: bool) -> None:
    """Every stream: topic, owner, what the broker has, what is not published yet, whether it is paused."""
    settings = read_settings()
    observed = observe(settings)
    progress = {stream.stream: stream for stream in observed.progress.streams}
    paused = {pause.stream: pause for pause in observed.progress.pauses}
    rows = [
        {
            "topic": stream.topic,
            "pipeline": stream.pipeline,
            "owner": stream.owner,
            "state": "published",
            **asdict(progress[stream.name]),
            "paused_until": paused[stream.name].until if stream.name in paused else None,
            "paused_because": paused[stream.name].reason if stream.name in paused else None,
        }
        for stream in observed.streams
    ]
    rows += _draft_rows(settings.schema_dir)
    if as_json:
        say_json(rows)
    else:
        lines = [{**row, "paused": _in_words(paused.get(str(row["stream"])))} for row in rows]
        say_table(
            lines, ["stream", "topic", "owner", "state", "offsets", "lag", "batches", "newest_event_at", "paused"]
        )
    for system, reason in observed.progress.unreachable.items():
        click.echo(f"could not reach {system}: {reason}", err=True)


@command.command(epilog="Example: ap stream pause bids --reason 'a bad deploy' --until 2h")
@click.argument("name")
@click.option("--reason", required=True, help="Why; everybody sees it.")
@click.option("--until", type=Until(), required=True, help="When it ends by itself: 2h, or 2026-11-20T14:00 (UTC).")
@by
@as_json
def pause(name: str, reason: str, until: datetime, by: str, as_json: bool) -> None:
    """Read nothing new of a stream. What is planned is finished, nothing is lost while Kafka keeps it."""
    _require_declared(name)
    by = ask(Action.PAUSE_STREAM, name, by, until=until, reason=reason)
    found = Pause(stream=name, reason=reason, by=by, since=datetime.now(UTC), until=until)
    with connect(read_settings().ledger_dsn, application="ap stream") as ledger:
        pauses.pause(ledger, found)
    if as_json:
        say_json(asdict(found))
    else:
        click.echo(f"{name} is paused until {until:%Y-%m-%d %H:%M:%S} UTC; sooner: ap stream resume {name}")


@command.command(epilog="Example: ap stream resume bids")
@click.argument("name")
@as_json
def resume(name: str, as_json: bool) -> None:
    """Read a paused stream again, from where it stood. Exit code 0 also if it was not paused."""
    _require_declared(name)
    ask(Action.PAUSE_STREAM, name, until="now")
    with connect(read_settings().ledger_dsn, application="ap stream") as ledger:
        was_paused = pauses.resume(ledger, name)
    if as_json:
        say_json({"stream": name, "was_paused": was_paused})
    else:
        click.echo(f"{name} is read again" if was_paused else f"{name} was not paused")


def _draft_rows(schema_dir: Path) -> list[dict[str, Any]]:
    """Streams that are not in use yet: nobody looks at their topics."""
    declared = catalog()
    unused = [declared.streams[name] for name in drafts(declared, schema_dir)]
    return [
        {"stream": s.name, "topic": s.topic, "pipeline": s.pipeline, "owner": s.owner, "state": "draft"} for s in unused
    ]


def _require_declared(name: str) -> None:
    known = catalog().streams
    if name not in known:
        remedy = f"say one of {', '.join(sorted(known))}" if known else "declare it first"
        raise DeclarationError(name, "is no declared stream", remedy)


def _in_words(pause: Pause | None) -> str:
    return f"until {pause.until:%Y-%m-%d %H:%M} UTC: {pause.reason}" if pause else ""
