"""`ap status`: how the instance is."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.connection_string import libpq_url
from analytics_platform.local.observe import observe
from analytics_platform.local.orchestration import Orchestration, measure
from analytics_platform.local.status import Level, findings, worst
from analytics_platform.settings import read_settings

COLOURS = {Level.OK: "green", Level.DEGRADED: "yellow", Level.DOWN: "red"}


@click.command(epilog="Example: ap status --json | jq .level")
@click.option(
    "--orchestration", is_flag=True, help="What Dagster costs: measures for --seconds, and looks back an hour."
)
@click.option("--seconds", type=click.FloatRange(min=1), default=10.0, show_default=True, help="How long to measure.")
@as_json
def command(orchestration: bool, seconds: float, as_json: bool) -> None:
    """How it is, worst first; each line ends in the next command to type.

    Exit code 0: well; 1: degraded; 2: down.
    """
    if orchestration:
        report_orchestration(seconds, as_json=as_json)
        return
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


def report_orchestration(seconds: float, *, as_json: bool) -> None:
    """Print what orchestration costs."""
    settings = read_settings()
    found = measure(settings.state_dir, settings.ledger_dsn, libpq_url(settings.dagster_postgres_url), seconds)
    if as_json:
        say_json({**asdict(found), "share": found.share, "bytes_a_day": found.bytes_a_day})
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: Orchestration) -> Iterator[str]:
    leases, per_second = max(1, found.leases), 1 / found.seconds
    yield f"orchestration uses {found.share:.1%} of the CPU, measured over {found.seconds:.0f} s:"
    for part, used in sorted(found.cpu.items(), key=lambda item: -item[1]):
        memory = found.private_megabytes.get(part)
        private = f"  {memory:7,.0f} MB private" if memory else ""
        yield f"  {part:<18} {used * per_second:7.1%} of a core{private}"
    for database, count in sorted(found.transactions.items()):
        yield f"  {count * per_second:7.1f} transactions a second in the database {database}"
    work, process = found.worker_cpu
    yield f"in the last hour, {found.leases:,} leases:"
    rows, kilobytes = found.event_rows / leases, found.event_bytes / leases / 1000
    yield f"  {rows:,.0f} rows and {kilobytes:,.0f} kB of event log a lease"
    yield f"  {process / leases:.2f} s of CPU a worker, of which {work / leases:.2f} s for the pipeline"
    yield f"  {found.bytes_a_day / 1e6:,.0f} MB of event log a day at that rate, indexes included"
