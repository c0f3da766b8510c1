"""`ap init`: a new project without the example."""

from pathlib import Path

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.local.project import make_project
from analytics_platform.security.first_admin import make_token_file
from analytics_platform.settings import ADMIN_TOKEN


@click.command(epilog="Example: ap init ../our-platform && cd ../our-platform && make up")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def command(folder: Path, as_json: bool) -> None:
    """Make a project of your own in FOLDER: all of this one but the auction house."""
    files = make_project(folder)
    make_token_file(folder / ".state" / ADMIN_TOKEN)
    if as_json:
        say_json({"folder": str(folder), "files": [str(path) for path in files]})
        return
    click.echo(f"wrote {len(files)} files to {folder}")
    click.echo(f"your token is {folder / '.state' / ADMIN_TOKEN}: whoever can read it is the admin")
    click.echo("declare a stream in analytics_platform/products/, put its schema in schemas/<stream>/, then: make up")
