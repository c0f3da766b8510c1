"""`ap schema`: the schemas of topics."""

import click

from analytics_platform.cli import schema_review


@click.group()
def command() -> None:
    """The schemas of topics: what they say, what changes, whom a change would hurt."""


for verb in schema_review.COMMANDS:
    command.add_command(verb)
