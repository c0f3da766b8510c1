"""The one way to a Postgres connection, the migrations of the ledger's schema, and what its roles may do there."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg
from psycopg.conninfo import make_conninfo

from analytics_platform.connection_string import VERIFY_REMEDY, connection_parts, unverified_host
from analytics_platform.errors import NotEntitledError, RefusedError, SettingError, UnreachableError
from analytics_platform.keepalives import KEEPALIVES
from analytics_platform.settings import LedgerRole, libpq_defaults

MIGRATION_LOCK = 7_205_759_403_792_793  # any constant; everyone who migrates takes this advisory lock first
# By what libpq or the server says, as far as it says so in English; whatever else it is, the server does not answer.
REFUSALS = {
    "password authentication failed": "the file of passfile= holds another one; the embedded ones: `ap down; ap up`",
    "no password supplied": "name the login's password file, readable by you only, as passfile=",
    "permission denied for database": "ask as a login that may enter it; each role's are in ledger/roles.sql",
    "certificate verify failed": "have sslrootcert= name the authority that signed the server's, if that is still good",
    "does not match host name": "name the host as the server's certificate does, or have a certificate for that name",
    "root certificate file": "have sslrootcert= name the authority that signed the server's certificate",
    "does not support SSL": "have the server speak TLS: ssl = on in its postgresql.conf",
    "no pg_hba.conf entry": "let that login in from here: a line `hostssl … scram-sha-256` in the server's pg_hba.conf",
    "SSL error": "have both sides speak TLS 1.2 or later: ssl_min_protocol_version",
}
ROLES = "roles.sql"
# all there, or ours to create
MAY_HAVE_ROLES = """
    select not exists (select from unnest(%s::text[]) as wanted(name) where to_regrole(wanted.name) is null)
        or (select rolsuper or rolcreaterole from pg_roles where rolname = current_user)
"""
SEEN_TABLE = "create table if not exists migration (name text primary key, applied_at timestamptz default now())"


def connect(dsn: str, *, application: str) -> psycopg.Connection:
    """An autocommit connection; `with connection.transaction():` groups statements.

    What the string itself says about keepalives goes first. Raises SettingError for a string that cannot be parsed or
    would reach another machine without looking at its certificate, whatever was set, RefusedError where login or
    certificate is not good enough, and UnreachableError; none of them ever holds the password.
    """
    parts = connection_parts(dsn)
    if parts is None:
        remedy = "write postgresql://user:password@host:port/database, with @ : / ? # % in the password percent-encoded"
        raise SettingError("ledger_dsn", "is no libpq connection string", remedy)
    if host := unverified_host(libpq_defaults() | parts, plain_loopback=True):
        raise SettingError("ledger_dsn", f"reaches {host} without verifying its certificate", VERIFY_REMEDY)
    conninfo = make_conninfo("", **(KEEPALIVES | parts))
    try:
        return psycopg.connect(conninfo, autocommit=True, application_name=application, connect_timeout=3)
    except psycopg.OperationalError as error:
        where = f"{parts.get('host', 'local socket')}/{parts.get('dbname', '')}"
        reason = str(error).strip().splitlines()[0]
        for said, remedy in REFUSALS.items():
            if said in reason:
                raise RefusedError("Postgres", where, reason, remedy) from error
        raise UnreachableError("Postgres", where, reason, "start it (`ap up`) or set AP_LEDGER_DSN") from error


def migrate(connection: psycopg.Connection) -> list[str]:
    """Apply the migrations that this database has not seen, in name order, and what the roles may do; returns names.

    Where nothing is missing, nothing is asked for that a role without rights to change the schema lacks. Raises
    NotEntitledError where something is, and the connection's role may not add it.
    """
    if not _unseen(connection):
        return []
    try:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            connection.execute(SEEN_TABLE)
            unseen = _unseen(connection)
            for name, text in unseen:
                connection.execute(text)
                connection.execute("insert into migration (name) values (%s)", [name])
    except psycopg.errors.InsufficientPrivilege as error:
        problem = f"{connection.info.user} may not bring the ledger's schema up to date"
        remedy = "start `ap up` once, or run `ap ledger migrate` as the owner of its database"
        raise NotEntitledError(problem, remedy) from error
    return [name for name, _ in unseen]


def _unseen(connection: psycopg.Connection) -> list[tuple[str, bytes]]:
    """What this database has not seen; roles are left out where they are not there and not ours to create."""
    wanted = _migrations()
    if connection.execute(MAY_HAVE_ROLES, [[role.in_database for role in LedgerRole]]).fetchone() == (True,):
        wanted.append(_roles())
    if connection.execute("select to_regclass('migration') is null").fetchone() == (True,):
        return wanted
    seen = {name for (name,) in connection.execute("select name from migration").fetchall()}
    return [(name, text) for name, text in wanted if name not in seen]


def _migrations() -> list[tuple[str, bytes]]:
    folder = _ledger() / "migrations"
    return sorted((f.name, f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".sql"))


def _roles() -> tuple[str, bytes]:
    """Applied anew whenever its text has changed: the name that is remembered holds the text's digest."""
    text = (_ledger() / ROLES).read_bytes()
    return f"{ROLES} {hashlib.sha256(text).hexdigest()[:16]}", text


def _ledger() -> Traversable:
    return files("analytics_platform.ledger")
