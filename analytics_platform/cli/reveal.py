"""`ap reveal`: an answer with what is encrypted in the clear, for who may; that they asked is kept."""

import click

from analytics_platform.clear import in_the_clear
from analytics_platform.cli.asking import command_name
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.products import catalog
from analytics_platform.published import sql
from analytics_platform.reader import reader_here
from analytics_platform.settings import read_settings


@click.command(epilog='Example: ap reveal "select name from persons where id = 1007" --purpose "ticket 4713"')
@click.argument("query")
@click.option("--purpose", required=True, help="What for; it is a fact.")
@as_json
def command(query: str, purpose: str, as_json: bool) -> None:
    """Ask the published tables, and read what is encrypted. Tokens and masks stay: nothing leads back from them.

    Ask for the columns themselves: inside of a list or another text a ciphertext is not opened.
    """
    settings = read_settings()
    reader = reader_here(settings, command_name())
    answer = in_the_clear(sql(settings, catalog(), query, reader=reader), catalog(), reader, purpose)
    if as_json:
        say_json(answer.to_pylist())
    else:
        say_table(answer.to_pylist(), answer.column_names)
