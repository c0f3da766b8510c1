"""`ap service`: the schema registry over HTTP, by itself."""

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.logs import log_as_json
from analytics_platform.settings import read_settings


@click.group()
def command() -> None:
    """The HTTP service, which `ap up` starts too."""


@command.command(epilog="Example: ap service run --port 8081")
@click.option("--port", type=click.IntRange(1, 65535), default=8081, show_default=True, help="Where it listens.")
@as_json
def run(port: int, as_json: bool) -> None:
    """Serve the schema registry on 127.0.0.1 until Ctrl-C; its Postgres must be there (`ap up`)."""
    from analytics_platform.service.server import serve  # uvicorn costs every other command half a second

    settings = read_settings()
    log_as_json("service", settings.log_level)
    address = f"http://127.0.0.1:{port}"
    if as_json:
        say_json({"address": address})
    else:
        click.echo(f"the schema registry is at {address}; Ctrl-C stops it")
    serve(settings, port)
