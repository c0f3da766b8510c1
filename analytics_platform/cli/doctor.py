"""`ap doctor`: what is wrong with this machine."""

import sys
from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.local.doctor import diagnose
from analytics_platform.local.security_doctor import diagnose_security
from analytics_platform.settings import read_settings


@click.command(epilog="Example: ap doctor --json | jq '.[] | select(.is_well | not)'")
@click.option("--security", is_flag=True, help="Look at what is open to whom, and for secrets where none belong.")
@as_json
def command(security: bool, as_json: bool) -> None:
    """Look at Python, packages, Java, disk, clock, ports, stale processes; each with its fix.

    With --security: files and ports that others can reach; secrets in logs, words of processes and the event log.
    Exit code 1 if anything is not well.
    """
    found = (diagnose_security if security else diagnose)(read_settings())
    if as_json:
        say_json([asdict(diagnosis) for diagnosis in found])
    else:
        for diagnosis in found:
            mark = click.style("well", fg="green") if diagnosis.is_well else click.style("FIX ", fg="red")
            fix = "" if diagnosis.is_well else f"  → {diagnosis.fix}"
            click.echo(f"{mark}  {diagnosis.name:<13} {diagnosis.what}{fix}")
    sys.exit(0 if all(diagnosis.is_well for diagnosis in found) else 1)
