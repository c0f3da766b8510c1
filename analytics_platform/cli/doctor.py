"""`ap doctor`: what is wrong with this machine."""

import sys
from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.local.doctor import diagnose
from analytics_platform.settings import read_settings


@click.command(epilog="Example: ap doctor --json | jq '.[] | select(.is_well | not)'")
@as_json
def command(as_json: bool) -> None:
    """Look at Python, packages, Java, disk, clock, ports, stale processes; each with its fix.

    Exit code 1 if anything is not well.
    """
    found = diagnose(read_settings())
    if as_json:
        say_json([asdict(diagnosis) for diagnosis in found])
    else:
        for diagnosis in found:
            mark = click.style("well", fg="green") if diagnosis.is_well else click.style("FIX ", fg="red")
            fix = "" if diagnosis.is_well else f"  → {diagnosis.fix}"
            click.echo(f"{mark}  {diagnosis.name:<13} {diagnosis.what}{fix}")
    sys.exit(0 if all(diagnosis.is_well for diagnosis in found) else 1)
