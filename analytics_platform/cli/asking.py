"""Whether whoever types a command may: asked before anything is changed, and written down."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from analytics_platform.asking import asker_here
from analytics_platform.postgres import connect, migrate
from analytics_platform.security import access_log
from analytics_platform.security.asker import Wanted, signature
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings

SHOWN = 5  # names of batches in a fact
by = click.option("--by", default="", show_default="you", help="For whom you say so, if not for yourself.")


def ask(action: Action, target: str, said_by: str = "", **details: Any) -> str:
    """Let whoever types do that, or raise; returns the name under which it is done. A refusal is written down.

    `said_by` is what `--by` said: it is kept beside the asker's own name, and gives nobody a right.
    """
    settings, now = read_settings(), datetime.now(UTC)
    wanted = Wanted(action=action, target=target, via=command_name(), details=details)
    with connect(settings.ledger_dsn, application="ap access") as connection:
        migrate(connection)
        asker = asker_here(connection, settings, wanted, now)
        access_log.admit(connection, asker, wanted, now)
    return signature(asker.name, said_by)


def command_name() -> str:
    """The command that is running, as it was typed: `ap batch release`."""
    context = click.get_current_context(silent=True)
    return context.command_path if context else "ap"


def in_words(names: Sequence[str]) -> str:
    """Names as a fact holds them: the first ones, and how many there are."""
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} … {len(names)} in all"
