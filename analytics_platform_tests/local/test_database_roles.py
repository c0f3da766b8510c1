"""Nobody enters the embedded Postgres without the password of a role, and no role has more than it needs."""

import json
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from analytics_platform.connection_string import as_login, connection_parts
from analytics_platform.local import database, database_roles
from analytics_platform.local.process import Part
from analytics_platform_tests.brokers import running

TRUSTING = "local all all trust\n"


@contextmanager
def served(folder: Path):
    part = database.prepare(folder, is_durable=False)
    with running(part):
        yield part


def who_is_let_in(folder: Path, login: str, name: str = "platform") -> str:
    with psycopg.connect(database.dsn(folder, name, login)) as connection:
        row = connection.execute("select current_user").fetchone()
    return row[0] if row else ""


def as_before(folder: Path) -> None:
    """What an earlier version left: one role that owns everything, let in without a password."""
    (folder / "data" / "pg_hba.conf").write_text(TRUSTING)
    shutil.rmtree(folder / "passwords")
    (folder / "data" / database_roles.MARK).unlink()


def test_every_login_needs_its_own_password(tmp_path):
    with served(tmp_path):
        for login in database_roles.LOGINS:
            name = "dagster" if login == "dagster" else "platform"
            assert who_is_let_in(tmp_path, login, name) == login
            without = f"postgresql://{login}@/{name}?host={database.socket_folder(tmp_path)}&passfile=/nowhere"
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                psycopg.connect(without)
            with pytest.raises(psycopg.OperationalError, match=f'authentication failed for user "{login}"'):
                psycopg.connect(without, password="0" * 64)


def test_passwords_are_the_owners_alone_and_nowhere_else(tmp_path):
    with served(tmp_path) as part:
        files = sorted((tmp_path / "passwords").iterdir())
        passwords = [path.read_text().strip().rpartition(":")[2] for path in files]
        assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * len(database_roles.LOGINS)
        assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o700
        assert len(set(passwords)) == len(files) and min(map(len, passwords)) == 64
        who_is_let_in(tmp_path, "ap_worker")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "passwords"]
    for password in passwords:
        assert password not in json.dumps([part.argv, dict(part.env), database.dagster_url(tmp_path)])
        assert not [path for path in written if password.encode() in path.read_bytes()]


def test_dagster_and_the_ledgers_roles_never_meet(tmp_path):
    with served(tmp_path):
        for login, name in [("ap_worker", "dagster"), ("ap_reader", "postgres"), ("dagster", "platform")]:
            with psycopg.connect(database.ledger_dsn(tmp_path), autocommit=True) as owner:
                owner.execute("revoke all on database platform, postgres from public")
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                who_is_let_in(tmp_path, login, name)


def test_data_of_an_earlier_version_are_taken_over_and_closed(tmp_path):
    database.prepare(tmp_path, is_durable=False)
    as_before(tmp_path)
    with running(_unprepared(tmp_path)):
        trusted = f"postgresql://platform@/{{}}?host={database.socket_folder(tmp_path)}"
        for name in ("platform", "dagster"):
            with psycopg.connect(trusted.format(name), autocommit=True) as connection:
                connection.execute("create table runs (id bigserial primary key)")
    with served(tmp_path):
        assert who_is_let_in(tmp_path, "platform") == "platform"
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(trusted.format("platform") + "&passfile=/nowhere")
        with sqlalchemy.create_engine(database.dagster_url(tmp_path)).begin() as connection:
            connection.execute(sqlalchemy.text("insert into runs default values"))
            connection.execute(sqlalchemy.text("alter table runs add column status text"))


def test_data_and_passwords_that_do_not_belong_together_are_brought_together(tmp_path):
    for name in ("one", "two"):
        database.prepare(tmp_path / name, is_durable=False)
    shutil.rmtree(tmp_path / "one" / "data")
    shutil.move(tmp_path / "two" / "data", tmp_path / "one" / "data")
    with served(tmp_path / "one"):
        assert who_is_let_in(tmp_path / "one", "ap_reader") == "ap_reader"


def test_a_password_file_that_was_cut_short_is_made_anew(tmp_path):
    database.prepare(tmp_path, is_durable=False)
    database_roles.password_file(tmp_path, "ap_reader").write_text("*:*:*:ap_reader:")
    with served(tmp_path):
        assert who_is_let_in(tmp_path, "ap_reader") == "ap_reader"


def test_libpq_refuses_a_password_file_that_others_can_read(tmp_path):
    with served(tmp_path):
        database_roles.password_file(tmp_path, "ap_reader").chmod(0o644)
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            who_is_let_in(tmp_path, "ap_reader")


def test_a_roles_string_is_derived_from_the_owners(tmp_path):
    derived = as_login(database.ledger_dsn(tmp_path / "a b%'c"), "ap_worker")
    wanted = connection_parts(database.dsn(tmp_path / "a b%'c", "platform", "ap_worker"))
    assert connection_parts(derived) == wanted


def test_what_is_kept_of_a_password_is_what_postgres_itself_would_keep(postgres):
    text = database_roles.verifier("s3cret", os.urandom(16))
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute(f"create role known login password '{text}'".encode())
        kept = connection.execute("select rolpassword from pg_authid where rolname = 'known'").fetchone()
        connection.rollback()
    assert kept == (text,)


def _unprepared(folder: Path) -> Part:
    """The server as an earlier version would start it: without looking at who may log in."""
    part = database.prepare(folder, is_durable=False)
    as_before(folder)
    return part
