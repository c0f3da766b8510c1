"""The access matrix of the ledger: every role on a dozen tables, and who is let in at all.

Tried on the embedded Postgres, and, where the distribution has one, on that over TLS (`postgres_tls`).
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from time import monotonic, sleep

import psycopg

from analytics_platform.connection_string import as_login
from analytics_platform.errors import RefusedError, SettingError
from analytics_platform.local import database, database_roles
from analytics_platform.postgres import connect, migrate
from analytics_platform.settings import LedgerRole, read_settings
from analytics_platform_tests.brokers import running
from analytics_platform_tests.certificates import Authority
from analytics_platform_tests.ledger.privileges import CHANGES, MAY, OF_TOKENS
from analytics_platform_tests.postgres_tls import TlsPostgres, binaries, certify, reload, running_tls_postgres
from analytics_platform_tests.proofs.access_cells import Cell, Flip, Side

EMBEDDED, TLS = "postgres", "postgres over TLS"
OWNER = "owner"
RELOAD_SECONDS = 10.0
PASSWORD = "0123456789abcdef" * 4  # not a secret: of a database that lives as long as the proof
# By table: a row that is there, a row that may come, and a column that may change (a fact has none for anybody).
TABLES: dict[str, tuple[str, str, str]] = {
    "batch": ("'s', 1, now(), 'planned', 1, now(), 0, 'd'", "'s', 2, now(), 'planned', 1, now(), 0, 'd'", "state"),
    "manifest": ("'s', 1, 0, now(), now(), '{}'", "'s', 1, 1, now(), now(), '{}'", "body"),
    "publication": ("default, 'p', 1, now(), '{}', '{}'", "default, 'p', 2, now(), '{}', '{}'", "versions"),
    "frontier": ("'s', gen_random_uuid(), 0, 0, now()", "'s', gen_random_uuid(), 0, 0, now()", "next_offset"),
    "outbox": ("default, 'k', 'k', '{}', now()", "default, 'k', 'k', '{}', now()", "delivered_at"),
    "alert_told": ("'a', 'phone', 1, now()", "'a', 'phone', 2, now()", "told_at"),
    "governance_fact": (
        "default, 's', 1, 'voted', 'd', 'ana', '', now()",
        "default, 's', 1, 'voted', 'd', 'ben', '', now()",
        "who",
    ),
    "schema_text": (
        "1, gen_random_uuid(), 'a', 'AVRO', '', '[]', now()",
        "2, gen_random_uuid(), 'b', 'AVRO', '', '[]', now()",
        "body",
    ),
    "schema_setting": ("'s', 'FULL', null", "'t', 'FULL', null", "compatibility"),
    "access_token": ("'1', 'ana', 'h', 'ana', now(), now()", "'2', 'ana', 'i', 'ana', now(), now()", "holder"),
    "dismissal": ("'s', 1, 'r', 1, 'ana', 'w', now()", "'s', 2, 'r', 1, 'ana', 'w', now()", "why"),
    "rework": (
        "'r', 'p', 'discard', 'open', 'ana', 'w', '{}', now()",
        "'q', 'p', 'discard', 'open', 'ana', 'w', '{}', now()",
        "state",
    ),
}
FACTS = ("manifest", "alert_told", "governance_fact", "schema_text", "access_token", "dismissal")
NEVER_CHANGED = (*FACTS, "publication")  # old cuts are forgotten, none is changed
KEPT = (*FACTS, "outbox", "rework")  # may change in part, never go
REFUSALS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)


@dataclass(frozen=True, slots=True)
class Reached:
    """A server with a ledger in it, and how each principal comes there."""

    system: str
    owner: str
    string_of: Callable[[str], str]


@contextmanager
def opened(folder: Path) -> Generator[Side]:
    """The embedded one and, if there is one, the distribution's: their cells together."""
    with ExitStack() as running_servers:
        embedded = running_servers.enter_context(_embedded(folder / "embedded"))
        cells, flips = [*_tables(embedded), *_logins(embedded)], [*_flips(embedded)]
        if programs := binaries():
            server = running_servers.enter_context(running_tls_postgres(folder / "tls", programs))
            over_tls = _with_ledger(server)
            cells += [*_tables(over_tls), *_ways_in(server)]
            flips += [*_flips(over_tls), _opened_to_everybody(server)]
        yield Side(cells=tuple(cells), flips=tuple(flips))


@contextmanager
def _embedded(folder: Path) -> Generator[Reached]:
    part = database.prepare(folder, is_durable=False)
    with running(part):
        dsn = database.ledger_dsn(folder)
        _fill(dsn)
        yield Reached(EMBEDDED, dsn, lambda who: dsn if who == OWNER else as_login(dsn, f"ap_{who}"))


def _with_ledger(server: TlsPostgres) -> Reached:
    with psycopg.connect(server.owner, autocommit=True) as owner:
        owner.execute("create database ledger")
        owner.execute(f"create role ledger_owner createrole login password '{PASSWORD}'")
        owner.execute("alter database ledger owner to ledger_owner")
    _fill(server.owner.replace("/postgres?", "/ledger?"), server.dsn("ledger_owner", PASSWORD, "ledger"))
    with psycopg.connect(server.owner, autocommit=True) as owner:
        for role in LedgerRole:
            kept = database_roles.verifier(PASSWORD, role.encode().ljust(16))
            owner.execute(f"alter role {role.in_database} login password '{kept}'".encode())
    own = server.owner.replace("/postgres?", "/ledger?")
    return Reached(
        TLS, own, lambda who: server.dsn("ledger_owner" if who == OWNER else f"ap_{who}", PASSWORD, "ledger")
    )


def _fill(dsn: str, owner: str | None = None) -> None:
    """Migrate as the owner, and put a row into each table."""
    with connect(owner or dsn, application="proof") as connection:
        migrate(connection)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table, (row, _, _) in TABLES.items():
            connection.execute(f"insert into {table} values ({row})".encode())


def _tables(server: Reached) -> Iterator[Cell]:
    for who, table, verb in product((*LedgerRole, OWNER), TABLES, ("select", *CHANGES)):
        yield Cell(
            system=server.system,
            principal=who,
            operation=verb.title(),
            resource=table,
            is_allowed=_may(who, table, verb),
            attempt=_doing(server.string_of(who), table, verb),
            refusals=REFUSALS,
            says=(table,),
        )


def _may(who: str, table: str, verb: str) -> bool:
    if who == OWNER:
        return not (verb == "update" and table in NEVER_CHANGED) and not (verb == "delete" and table in KEPT)
    return (who, table, verb) in MAY if verb in CHANGES else who == "service" or table not in OF_TOKENS


def _doing(dsn: str, table: str, verb: str) -> Callable[[], object]:
    """One statement that touches a row, as that principal, taken back afterwards."""
    _, row, column = TABLES[table]
    statement = {
        "select": f"select from {table} limit 1",
        "insert": f"insert into {table} values ({row})",
        "update": f"update {table} set {column} = {column}",
        "delete": f"delete from {table}",
    }[verb]

    def attempt() -> None:
        with connect(dsn, application="proof") as connection, connection.transaction(force_rollback=True):
            assert connection.execute(statement.encode()).rowcount > 0, "nothing was done"

    return attempt


def _logins(server: Reached) -> Iterator[Cell]:
    """Who is let into which database of the embedded server, and that nobody is without the right password."""
    dagster = as_login(server.owner.replace("/platform?", "/dagster?"), "dagster")
    yield _way_in(server.system, "dagster", "dagster", True, dagster, "")
    yield _way_in(server.system, "dagster", "ledger", False, as_login(server.owner, "dagster"), "permission denied")
    for role in LedgerRole:
        there = as_login(server.owner.replace("/platform?", "/dagster?"), role.in_database)
        yield _way_in(server.system, role, "dagster", False, there, "permission denied")
        unsaid = f"{as_login(server.owner, role.in_database)} passfile=/nowhere"
        yield _way_in(server.system, f"{role} without a password", "ledger", False, unsaid, "no password supplied")
        wrong = f"{unsaid} password={PASSWORD}"
        yield _way_in(server.system, f"{role} with a wrong password", "ledger", False, wrong, role.in_database)


def _ways_in(server: TlsPostgres) -> Iterator[Cell]:
    """Who is let in over the network, and what a client says to a server that is not whom it asked for."""

    def way(who: str, is_allowed: bool, says: str, **others: str) -> Cell:
        password = others.pop("password", PASSWORD)
        return _way_in(TLS, who, "ledger", is_allowed, server.dsn("ap_reader", password, "ledger", **others), says)

    foreign = str(Authority.made(server.folder, "foreign").certificate)
    yield way("reader", True, "")
    yield way("reader in the clear", False, "hostssl", sslmode="disable")
    yield way("reader who trusts a foreign CA", False, "sslrootcert= name the authority", sslrootcert=foreign)
    yield way("reader who asks for another name", False, "does not match host name", host="localhost")
    yield way("reader with a wrong password", False, "passfile=", password="f" * 64)
    old = {"ssl_min_protocol_version": "TLSv1", "ssl_max_protocol_version": "TLSv1.1"}
    yield way("reader with TLS 1.1", False, "TLS 1.2 or later", **old)
    expired = server.dsn("ap_reader", PASSWORD, "ledger")
    yield Cell(
        system=TLS,
        principal="reader before an expired certificate",
        operation="Connect",
        resource="ledger",
        is_allowed=False,
        attempt=lambda: _before_expired(server, expired),
        refusals=(RefusedError,),
        says=("if that is still good",),
    )
    for mode in ("require", "verify-ca"):
        yield Cell(
            system=TLS,
            principal=f"settings with sslmode={mode}",
            operation="Connect",
            resource="ledger",
            is_allowed=False,
            attempt=partial(read_settings, {"AP_LEDGER_DSN": server.dsn("ap_reader", "x", "ledger", sslmode=mode)}),
            refusals=(SettingError,),
            says=("sslmode=verify-full", "127.0.0.1"),
        )


def _way_in(system: str, who: str, into: str, is_allowed: bool, dsn: str, says: str) -> Cell:
    def attempt() -> None:
        with connect(dsn, application="proof") as connection:
            assert connection.execute("select 1").fetchone() == (1,)

    return Cell(
        system=system,
        principal=who,
        operation="Connect",
        resource=into,
        is_allowed=is_allowed,
        attempt=attempt,
        refusals=(RefusedError,),
        says=(says,),
    )


def _before_expired(server: TlsPostgres, dsn: str) -> None:
    with _showing_expired(server), connect(dsn, application="proof"):
        pass


@contextmanager
def _showing_expired(server: TlsPostgres) -> Generator[None]:
    data = server.folder / "data"
    _show(server, lambda: certify(data, server.authority.issue(server.folder, "127.0.0.1", timedelta(hours=-1))))
    try:
        yield
    finally:
        _show(server, lambda: certify(data, server.authority.issue(server.folder, "127.0.0.1")))


def _show(server: TlsPostgres, act: Callable[[], object]) -> None:
    """Change files of the server and have it read them; it says when it has, in its log."""
    log, says = server.folder / "server.log", "reloading configuration"
    before = log.read_text().count(says)
    act()
    reload(server)
    deadline = monotonic() + RELOAD_SECONDS
    while log.read_text().count(says) == before and monotonic() < deadline:
        sleep(0.02)
    sleep(0.1)


def _flips(server: Reached) -> Iterator[Flip]:
    """Privileges given and taken, and a trigger switched off: each turns the cells that it names, and no other."""

    def flip(name: str, there: str, back: str, who: str, verb: str, table: str) -> Flip:
        cell = f"{server.system}: {who} {verb} {table}"
        return Flip(name=f"{server.system}: {name}", turned=lambda: _turned(server.owner, there, back), turns=(cell,))

    for verb, table, who in (
        ("delete", "publication", "planner"), ("insert", "manifest", "planner"), ("update", "batch", "reader"),
        ("insert", "schema_text", "worker"), ("select", "access_token", "reader"), ("insert", "manifest", "service"),
    ):  # fmt: skip
        there, back = f"grant {verb} on {table} to ap_{who}", f"revoke {verb} on {table} from ap_{who}"
        yield flip(f"{who} is given {verb.title()} on {table}", there, back, who, verb.title(), table)
    for verb, table, who in (
        ("insert", "manifest", "worker"), ("insert", "schema_text", "service"), ("select", "batch", "reader"),
        ("insert", "alert_told", "planner"),
    ):  # fmt: skip
        there, back = f"revoke {verb} on {table} from ap_{who}", f"grant {verb} on {table} to ap_{who}"
        yield flip(f"{verb.title()} on {table} is taken from {who}", there, back, who, verb.title(), table)
    trigger = "alter table dismissal {} trigger dismissal_is_a_fact"
    name = "the owner may change decisions"
    yield flip(name, trigger.format("disable"), trigger.format("enable"), OWNER, "Update", "dismissal")


def _opened_to_everybody(server: TlsPostgres) -> Flip:
    hba = server.folder / "data" / "pg_hba.conf"
    kept = hba.read_text()

    @contextmanager
    def turned() -> Generator[None]:
        _show(server, lambda: hba.write_text(kept + "host all all 127.0.0.1/32 trust\n"))
        try:
            yield
        finally:
            _show(server, lambda: hba.write_text(kept))

    return Flip(
        name=f"{TLS}: the network may come in the clear",
        turned=turned,
        turns=(f"{TLS}: reader in the clear Connect ledger",),
    )


@contextmanager
def _turned(dsn: str, there: str, back: str) -> Generator[None]:
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(there.encode())
        try:
            yield
        finally:
            owner.execute(back.encode())
