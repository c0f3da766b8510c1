"""The one way to a Postgres connection, and the migrations of the ledger's schema."""

from importlib.resources import files

import psycopg
from psycopg.conninfo import make_conninfo

from analytics_platform.errors import SettingError, UnreachableError
from analytics_platform.settings import connection_parts

MIGRATION_LOCK = 7_205_759_403_792_793  # any constant; everyone who migrates takes this advisory lock first
SEEN_TABLE = "create table if not exists migration (name text primary key, applied_at timestamptz default now())"

# the lock of a machine that lost its power is freed within 25 s; harmless on a Unix socket
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}


def connect(dsn: str, *, application: str) -> psycopg.Connection:
    """An autocommit connection; `with connection.transaction():` groups statements.

    What the string itself says about keepalives goes first. Raises SettingError for a string that cannot be parsed and
    UnreachableError; neither ever holds the password.
    """
    parts = connection_parts(dsn)
    if parts is None:
        remedy = "write postgresql://user:password@host:port/database, with @ : / ? # % in the password percent-encoded"
        raise SettingError("ledger_dsn", "is no libpq connection string", remedy)
    conninfo = make_conninfo("", **(KEEPALIVES | parts))
    try:
        return psycopg.connect(conninfo, autocommit=True, application_name=application, connect_timeout=3)
    except psycopg.OperationalError as error:
        where = f"{parts.get('host', 'local socket')}/{parts.get('dbname', '')}"
        reason = str(error).strip().splitlines()[0]
        raise UnreachableError("Postgres", where, reason, "start it (`ap up`) or set AP_LEDGER_DSN") from error


def migrate(connection: psycopg.Connection) -> list[str]:
    """Apply the migrations that this database has not seen, in name order; returns their names."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        connection.execute(SEEN_TABLE)
        seen = {row[0] for row in connection.execute("select name from migration").fetchall()}
        pending = [m for m in _migrations() if m[0] not in seen]
        for name, sql in pending:
            connection.execute(sql)
            connection.execute("insert into migration (name) values (%s)", [name])
    return [name for name, _ in pending]


def _migrations() -> list[tuple[str, bytes]]:
    folder = files("analytics_platform.ledger") / "migrations"
    return sorted((f.name, f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".sql"))
