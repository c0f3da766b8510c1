"""Who asks on this machine: by the token they show, or that of the instance's owner. Touches files and Postgres."""

import getpass
import stat
from datetime import datetime
from pathlib import Path

import psycopg

from analytics_platform.errors import SettingError, TokenError
from analytics_platform.governance.identity import people_of_roles
from analytics_platform.governance.policy_file import POLICY_FILE, parse_policy
from analytics_platform.registry.folder import text_if_there
from analytics_platform.security import access_log, token_store
from analytics_platform.security.asker import Asker, Wanted, bounded
from analytics_platform.security.roles import Role
from analytics_platform.settings import Settings

OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
BY_ACCOUNT = "account on this machine"


def given_token(settings: Settings) -> str:
    """The token, "" if none is given. It is no option of any command: those are in the list of processes."""
    if settings.token or not settings.token_file:
        return settings.token
    try:
        if Path(settings.token_file).stat().st_mode & OF_OTHERS:
            raise SettingError("token_file", f"{settings.token_file} is open to others", "`chmod 600` it")
        return Path(settings.token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{settings.token_file} cannot be read ({type(error).__name__})"
        raise SettingError("token_file", problem, "`ap token issue NAME --into FILE` writes one") from None


def asker_here(connection: psycopg.Connection, settings: Settings, wanted: Wanted, now: datetime) -> Asker:
    """Who asks for that; a token that is not good is a fact and a TokenError.

    Until somebody was made an admin, whoever reaches the ledger is one: somebody must make the first. Whoever reaches
    it in a role that may look at no token is a viewer, and nobody can say who.
    """
    try:
        return _known(connection, settings, wanted, now)
    except psycopg.errors.InsufficientPrivilege:
        login = f"role {connection.info.user} of the ledger"
        return Asker(name=getpass.getuser(), known_by=login, roles=frozenset({Role.VIEWER}))


def _known(connection: psycopg.Connection, settings: Settings, wanted: Wanted, now: datetime) -> Asker:
    if token := given_token(settings):
        try:
            return _with_roles(token_store.bearer_of(connection, token, now), settings)
        except TokenError as error:
            access_log.record_bad_token(connection, wanted, error, now)
            raise
    try:
        return _with_roles(token_store.bearer_of(connection, _own_token(settings), now), settings)
    except TokenError:  # there is none, or it is of another ledger
        roles = frozenset() if token_store.has_admin(connection) else frozenset({Role.ADMIN})
        return Asker(name=getpass.getuser(), known_by=BY_ACCOUNT, roles=roles)


def _with_roles(asker: Asker, settings: Settings) -> Asker:
    policy = parse_policy(text_if_there(settings.schema_dir, POLICY_FILE))
    return bounded(asker, people_of_roles(policy))


def _own_token(settings: Settings) -> str:
    """What `ap up` left for whoever may read this instance's folder; "" where it did not."""
    try:
        return settings.admin_token_file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
