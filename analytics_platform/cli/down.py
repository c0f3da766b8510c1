"""`ap down`: stop what `ap up` started."""

from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.local.down import stop_instance
from analytics_platform.settings import read_settings


@click.command(epilog="Example: ap down")
@as_json
def command(as_json: bool) -> None:
    """Stop everything that `ap up` started here, in order; data is kept."""
    result = stop_instance(read_settings().state_dir)
    if as_json:
        say_json(asdict(result))
    elif result.supervisor is not None:
        click.echo("stopped; `ap up` goes on from here")
    elif result.leftovers:
        click.echo(f"there was no supervisor; ended what it had left running: {', '.join(result.leftovers)}")
    else:
        click.echo("nothing was running; `ap up` starts it")
