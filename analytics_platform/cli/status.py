"""`ap status`: how the instance is."""

import sys
from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.local.observe import observe
from analytics_platform.local.status import Level, findings, worst
from analytics_platform.settings import read_settings

COLOURS = {Level.OK: "green", Level.DEGRADED: "yellow", Level.DOWN: "red"}


@click.command(epilog="Example: ap status --json | jq .level")
@as_json
def command(as_json: bool) -> None:
    """How it is, worst first; each line ends in the next command to type.

    Exit code 0: well; 1: degraded; 2: down.
    """
    sys.exit(report_status(as_json=as_json))


def report_status(*, as_json: bool) -> Level:
    """Print the findings; returns the worst level, which is the exit code."""
    observed = observe(read_settings())
    found = findings(observed)
    if as_json:
        say_json(
            {
                "level": worst(found).name.lower(),
                "findings": [{**asdict(finding), "level": finding.level.name.lower()} for finding in found],
                "parts": {name: asdict(part) for name, part in observed.instance.parts.items()},
                "streams": {stream.stream: asdict(stream) for stream in observed.progress.streams},
                "runs": dict(observed.progress.runs),
                "events_per_second": observed.events_per_second,
                "unreachable": dict(observed.progress.unreachable),
            }
        )
        return worst(found)
    width = max(len(finding.what) for finding in found)
    for finding in found:
        name = click.style(f"{finding.level.name.lower():<9}", fg=COLOURS[finding.level])
        click.echo(f"{name} {finding.what:<{width}}  → {finding.next}")
    return worst(found)
