"""What each role may do in the ledger, tried as that role; and that facts stay as they are, whoever asks."""

from itertools import product

import psycopg
import pytest

from analytics_platform.connection_string import as_login
from analytics_platform.errors import NotEntitledError
from analytics_platform.postgres import connect, migrate
from analytics_platform.settings import LedgerRole
from analytics_platform_tests.brokers import fresh_database
from analytics_platform_tests.ledger.privileges import CHANGES, MAY, OF_TOKENS

TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
FACTS = [
    "manifest", "contract", "schema_text", "schema_version", "governance_fact", "access_token",
    "access_token_revoked", "alert_told", "dismissal", "access_fact",
]  # fmt: skip


def may(ledger: psycopg.Connection, role: str, table: str, verb: str) -> bool:
    of_columns = "table" if verb == "delete" else "any_column"  # a row is deleted whole
    query = f"select has_table_privilege(%(r)s, %(t)s, %(v)s) or has_{of_columns}_privilege(%(r)s, %(t)s, %(v)s)"
    return ledger.execute(query.encode(), {"r": role, "t": table, "v": verb}).fetchone() == (True,)


def test_every_role_may_do_to_every_table_just_what_is_written_down(ledger):
    tables = [name for (name,) in ledger.execute(TABLES).fetchall()]
    found = {
        (role.value, table, verb)
        for role, table, verb in product(LedgerRole, tables, CHANGES)
        if may(ledger, role.in_database, table, verb)
    }
    assert found == MAY


def test_everybody_reads_everything_but_the_hashes_of_tokens(ledger):
    tables = [name for (name,) in ledger.execute(TABLES).fetchall()]
    blind = {
        (role.value, table)
        for role, table in product(LedgerRole, tables)
        if not may(ledger, role.in_database, table, "select")
    }
    assert blind == {(role, table) for role in ("planner", "worker", "reader") for table in OF_TOKENS}


def test_no_role_may_change_the_schema_or_become_another(ledger, ledger_dsn):
    for role in LedgerRole:
        with connect(as_login(ledger_dsn, role.in_database), application="test") as own:
            for statement in (
                "create table mine (x int)",
                "truncate manifest",
                "set role platform",
                "drop table batch",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    own.execute(statement)


def test_a_role_migrates_nothing_and_needs_not_to(ledger, ledger_dsn, postgres):
    with connect(as_login(ledger_dsn, "ap_service"), application="test") as own:
        assert migrate(own) == []
    with (
        fresh_database(postgres) as empty,
        connect(as_login(empty, "ap_service"), application="test") as own,
        pytest.raises(NotEntitledError, match="ap_service may not bring the ledger's schema up to date; start"),
    ):
        migrate(own)


def test_what_roles_may_do_is_applied_anew_when_it_changed(ledger):
    ledger.execute("grant insert on manifest to ap_reader")
    ledger.execute("update migration set name = 'roles.sql of before' where name like 'roles.sql%'")
    assert [name.split()[0] for name in migrate(ledger)] == ["roles.sql"]
    assert not may(ledger, "ap_reader", "manifest", "insert")
    assert migrate(ledger) == []


def test_an_owner_who_may_not_create_roles_goes_on_without_them(postgres):
    with fresh_database(postgres) as dsn, connect(dsn, application="test") as owner:
        name = owner.info.dbname
        owner.execute(f"create role {name} login password 'x'".encode())
        owner.execute(f"alter database {name} owner to {name}".encode())
        owner.execute(f"grant all on schema public to {name}".encode())
        with connect(f"{dsn}&user={name}&password=x", application="test") as plain:
            assert "0001_core.sql" in migrate(plain)
            assert migrate(plain) == []
    with connect(postgres.dsn, application="test") as owner:
        owner.execute(f"drop role {name}".encode())


@pytest.mark.parametrize("table", FACTS)
@pytest.mark.parametrize("verb", ["update", "delete", "truncate"])
def test_a_fact_is_changed_by_nobody(ledger, table, verb):
    ledger.execute("set session_replication_role = replica")  # rows that refer to nothing may be put there
    ledger.execute(f"insert into {table} {_a_row(ledger, table)}".encode())
    ledger.execute("set session_replication_role = origin")
    column = ledger.execute("select column_name from information_schema.columns where table_name = %s limit 1", [table])
    statement = {
        "update": f"update {table} set {(column.fetchone() or ('',))[0]} = default",
        "delete": f"delete from {table}",
        "truncate": f"truncate {table} cascade",
    }[verb]
    with pytest.raises(psycopg.errors.RaiseException, match=f"{table}.* rows are facts"):
        ledger.execute(statement.encode())


def test_a_note_may_be_taken_over_and_not_be_rewritten(ledger):
    ledger.execute("insert into outbox (kind, key, body, created_at) values ('verdict', 'bids', '{}', now())")
    ledger.execute("update outbox set delivered_at = now()")
    for statement in ("update outbox set body = '{\"x\": 1}'", "delete from outbox", "truncate outbox"):
        with pytest.raises(psycopg.errors.RaiseException, match="outbox rows are facts"):
            ledger.execute(statement)


def test_an_order_moves_on_and_stays_what_was_asked_for(ledger):
    ledger.execute(
        "insert into rework (id, pipeline, kind, requested_by, reason, assets, requested_at)"
        " values ('r', 'p', 'discard', 'ana', 'why', '{}', now())"
    )
    ledger.execute("update rework set state = 'done', ended_at = now()")
    for statement in ("update rework set requested_by = 'ben'", "update rework set reason = ''", "delete from rework"):
        with pytest.raises(psycopg.errors.RaiseException, match="rework rows are facts"):
            ledger.execute(statement)


def test_the_pins_of_a_batch_stay(ledger):
    ledger.execute("insert into batch values ('s', 1, now(), 'planned', 1, now(), null, 'digest')")
    ledger.execute("update batch set state = 'landed', landed_rows = 3")
    for column, value in (("reader_schema_id", "2"), ("contract_digest", "'other'"), ("hour", "hour - interval '1h'")):
        with pytest.raises(psycopg.errors.RaiseException, match="batch rows are facts"):
            ledger.execute(f"update batch set {column} = {value}".encode())


def _a_row(ledger: psycopg.Connection, table: str) -> str:
    """Some value in each column that wants one."""
    values = {"text": "'x'", "uuid": "gen_random_uuid()", "jsonb": "'{}'", "timestamp with time zone": "now()"}
    columns = ledger.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_name = %s and is_nullable = 'NO' and column_default is null and is_identity = 'NO'",
        [table],
    ).fetchall()
    names, found = [name for name, _ in columns], [values.get(kind, "1") for _, kind in columns]
    return f"({', '.join(names)}) values ({', '.join(found)})"
