"""The ledger as an instance needs it before anything serves; at each start again, a no-op when done."""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from analytics_platform.errors import PlatformError
from analytics_platform.local.disk import clear_hold
from analytics_platform.postgres import connect, migrate
from analytics_platform.registry.sync import adopt
from analytics_platform.security.first_admin import make_admin
from analytics_platform.security.privacy.erasures import agree
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.token_store import has_admin
from analytics_platform.settings import Settings


def prepare_ledger(settings: Settings, state_dir: Path, *, is_own: bool, say: Callable[[str], object]) -> None:
    """Its tables, an admin, the schemas of git, and everybody erased who should be.

    Args:
        settings: where the ledger is.
        state_dir: of the instance.
        is_own: whether the instance starts the ledger's Postgres: then its owner is an admin.
        say: what is told of schemas that do not fit.
    """
    with connect(settings.ledger_dsn, application="ap up") as connection:
        migrate(connection)
        if is_own or not has_admin(connection):
            make_admin(connection, settings.admin_token_file, getpass.getuser(), datetime.now(UTC))
        _adopt_schemas(settings, connection, say)
        if settings.key_dir.exists():
            agree(connection, KeyFiles(settings.key_dir))
        clear_hold(state_dir, connection)


def _adopt_schemas(settings: Settings, connection: psycopg.Connection, say: Callable[[str], object]) -> None:
    """What git says of schemas becomes known to Postgres; a subject that does not fit stays as it was there."""
    try:
        problems = list(adopt(connection, settings.schema_dir).problems.values())
    except PlatformError as error:
        problems = [error]
    for problem in problems:
        say(f"schemas: {problem}")
