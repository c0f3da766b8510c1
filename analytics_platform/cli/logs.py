"""`ap logs`: what the processes of the instance said."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from analytics_platform.local.log import matches, read_logs
from analytics_platform.local.waiting import pause
from analytics_platform.settings import read_settings

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
KNOWN = ("time", "level", "logger", "process", "event")


class Span(click.ParamType):
    """A span of time like 90s, 15m, 1h or 2d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span; fails with an example."""
        found = re.fullmatch(r"(\d+)([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no span; say 90s, 15m, 1h or 2d", param, ctx)
        return timedelta(seconds=int(found[1]) * UNITS[found[2]])


@click.command(epilog="Example: ap logs --since 15m --batch bids/7")
@click.option("--since", type=Span(), default="1h", show_default=True, help="How far back: 90s, 15m, 1h, 2d.")
@click.option("--process", help="Only this process: broker, daemon, code-server …")
@click.option("--batch", help="Only entries of this batch: bids/7, or 7 in any stream.")
@click.option("--run", help="Only entries of this run, by the start of its id.")
@click.option("--follow", is_flag=True, help="Go on as new entries arrive; Ctrl-C ends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as written.")
def command(
    since: timedelta, process: str | None, batch: str | None, run: str | None, follow: bool, as_json: bool
) -> None:
    """What the processes said, oldest first."""
    state_dir = read_settings().state_dir
    at, seen = datetime.now(UTC) - since, set[str]()
    while True:
        for entry in read_logs(state_dir, since=at, process=process):
            line = json.dumps(entry, default=str, ensure_ascii=False)
            if line not in seen and matches(entry, batch=batch, run=run):
                click.echo(line if as_json else _for_people(entry))
            seen.add(line)
        if not follow:
            return
        at = datetime.now(UTC) - timedelta(seconds=10)  # the collector may be some seconds behind the clock
        pause(1)


def _for_people(entry: dict[str, Any]) -> str:
    facts = " ".join(f"{name}={value}" for name, value in entry.items() if name not in KNOWN)
    head = f"{entry.get('time', '')[11:23]} {entry.get('level', ''):<8}{entry.get('process', ''):<12}"
    return f"{head} {entry.get('event', '')} {facts}".rstrip()
