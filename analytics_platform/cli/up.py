"""`ap up`: start everything on this machine."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from analytics_platform.cli.output import as_json
from analytics_platform.cli.status import report_status
from analytics_platform.errors import LocalError
from analytics_platform.local.blueprint import UpOptions
from analytics_platform.local.instance import PartState, load_instance, supervisor_pid
from analytics_platform.local.leftovers import find_leftovers
from analytics_platform.local.log import last_lines, raw_file
from analytics_platform.local.up import failing_parts, run_instance
from analytics_platform.local.waiting import pause
from analytics_platform.settings import read_settings

HEALTHY_SECONDS = 180.0  # an idle machine needs 15, one with a load of 15 more than 90
LINE_SECONDS = 10.0  # between two status lines where nobody watches a terminal
POLL_SECONDS = 0.2


@click.command(epilog="Example: ap up --detach --rate 2000 --base-port 4000")
@click.option("--detach", is_flag=True, help="Return once it is healthy; `ap down` stops it.")
@click.option("--base-port", type=click.IntRange(1024, 65_000), help="The UI's port; the others follow. Default 3000.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second. Default 500.")
@click.option("--seed", type=int, default=1, show_default=True, help="The auction house's seed.")
@click.option("--no-producer", is_flag=True, help="Start without the auction house.")
@click.option("--no-webserver", is_flag=True, help="Start without the UI.")
@as_json
def command(
    detach: bool,
    base_port: int | None,
    rate: float | None,
    seed: int,
    no_producer: bool,
    no_webserver: bool,
    as_json: bool,
) -> None:
    """Start everything on this machine: broker, Postgres, producer, code server, daemon, webserver.

    A second `ap up` continues where the first one stopped; one that finds a living instance shows its status.
    """
    state_dir = read_settings().state_dir
    pid = supervisor_pid(state_dir)
    if pid is not None:
        click.echo(f"ap: already up (process {pid}), nothing to start", err=True)
        report_status(as_json=as_json)
        return
    if detach:
        _say_leftovers(state_dir)
        _await_healthy(state_dir, _start_detached(state_dir))
        report_status(as_json=as_json)
        return
    options = UpOptions(
        base_port=base_port, rate=rate, seed=seed, with_producer=not no_producer, with_webserver=not no_webserver
    )
    run_instance(state_dir, options, _say_json if as_json else Screen().say)


def _say_leftovers(state_dir: Path) -> None:
    """What the detached `ap up` will recover from: it says so too, but into a log."""
    if leftovers := find_leftovers(state_dir):
        parts = ", ".join(sorted({leftover.part for leftover in leftovers}))
        facts = {"parts": parts, "processes": len(leftovers)}
        click.echo(_sentence("instance.recovering", facts), err=True)


def _start_detached(state_dir: Path) -> subprocess.Popen[bytes]:
    """The same command without --detach, in a session of its own, writing to the logs."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    log = raw_file(state_dir, "up")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "analytics_platform.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _await_healthy(state_dir: Path, started: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        pause(POLL_SECONDS)
        pid, instance = supervisor_pid(state_dir), load_instance(state_dir)
        fine = (PartState.UP, PartState.DONE)
        if pid and instance.supervisor == pid and all(p.state in fine for p in instance.parts.values()):
            return
        if pid is None and started.poll() is not None:
            raise LocalError("up", "it ended: " + " ".join(last_lines(state_dir, "up", 3)), "see `ap logs`")
    failing = failing_parts(state_dir)
    raise LocalError("up", f"not healthy after {HEALTHY_SECONDS:.0f} s: {failing}", "see `ap status` and `ap logs`")


class Screen:
    """Shows events to a person: addresses as they answer, then one line that is rewritten in place."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self.shown_at = 0.0
        self.is_line_open = False

    def say(self, event: str, facts: Mapping[str, object]) -> None:
        """Show one event."""
        if event in ("progress", "note"):
            self._line(str(facts["line"]))
        elif text := _sentence(event, facts):
            self._close_line()
            click.echo(text)

    def _line(self, line: str) -> None:
        if self.is_terminal:
            width = shutil.get_terminal_size().columns
            click.echo(f"\r\x1b[2K{line[: width - 1]}", nl=False)
            self.is_line_open = True
        elif time.monotonic() - self.shown_at >= LINE_SECONDS:
            click.echo(line)
            self.shown_at = time.monotonic()

    def _close_line(self) -> None:
        if self.is_line_open:
            click.echo()
            self.is_line_open = False


def _sentence(event: str, facts: Mapping[str, object]) -> str:
    """What a person is told of an event; nothing where it is only for the log."""
    part = f"  {facts.get('part', ''):<15}"
    sentences = {
        "instance.starting": f"starting in {facts.get('state_dir')}",
        "gold.first": f"  first gold     {facts.get('row')}",
        "instance.recovering": f"found {facts.get('processes')} processes of an earlier `ap up` that was killed "
        f"({facts.get('parts')}): ending them, then going on from its data",
        "instance.stopping": "stopping …",
        "instance.stopped": "stopped; `ap up` goes on from here",
        "part.up": f"{part}{facts.get('address') or 'up'}",
        "part.down": f"{part}{facts.get('reason')}; again in {facts.get('again_in_seconds')} s",
        "disk.low": f"DISK LOW: {facts.get('free_percent')}% free; held: {facts.get('held')}",
        "disk.recovered": f"disk: {facts.get('free_percent')}% free again; nothing is held any more",
    }
    return sentences.get(event, "")


def _say_json(event: str, facts: Mapping[str, object]) -> None:
    click.echo(json.dumps({"event": event, **{k: v for k, v in facts.items() if k != "progress"}}, default=str))
