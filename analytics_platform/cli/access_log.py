"""`ap access log|roles`: who asked for what and whether they got it, and what each role may do."""

from dataclasses import asdict

import click

from analytics_platform.cli.asking import ask
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.postgres import connect
from analytics_platform.security import access_log
from analytics_platform.security.asker import AccessFact
from analytics_platform.security.roles import MAY, Action, Role
from analytics_platform.settings import read_settings

COLUMNS = ["at", "who", "known_by", "via", "action", "target", "problem"]


@click.command(epilog="Example: ap access log --denied --limit 20")
@click.option("--who", default="", help="Only what this one asked for.")
@click.option("--denied", is_flag=True, help="Only what was refused.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many, newest first.")
@as_json
def log(who: str, denied: bool, limit: int, as_json: bool) -> None:
    """Who asked for what, when, how they were known, and why they were refused, if so. Facts: none is ever changed."""
    ask(Action.READ_ACCESS_LOG, who or "everybody")
    with connect(read_settings().ledger_dsn, application="ap access") as connection:
        rows = [_row(fact) for fact in access_log.newest(connection, limit, who, denied=denied)]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, COLUMNS)


@click.command(epilog="Example: ap access roles")
@as_json
def roles(as_json: bool) -> None:
    """What each role may do."""
    rows = [{"action": action, **{role: role in MAY[action] for role in Role}} for action in Action]
    if as_json:
        say_json(rows)
    else:
        shown = [{name: {True: "yes", False: ""}.get(value, value) for name, value in row.items()} for row in rows]
        say_table(shown, ["action", *Role])


COMMANDS = (log, roles)


def _row(fact: AccessFact) -> dict[str, object]:
    said = asdict(fact)
    return {**said.pop("wanted"), **said}
