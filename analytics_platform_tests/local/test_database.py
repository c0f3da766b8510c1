import os
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import sqlalchemy

from analytics_platform.errors import LocalError
from analytics_platform.local import database
from analytics_platform.local.process import launch, start_time, stop, wait_ready
from analytics_platform_tests.brokers import START_SECONDS, Postgres, fresh_database, running, running_postgres


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """An initialised folder, to be copied: that is quicker than initialising."""
    folder = tmp_path_factory.mktemp("template")
    database.prepare(folder, is_durable=False)
    return folder


@pytest.fixture
def folder(template, tmp_path) -> Path:
    shutil.copytree(template / "data", tmp_path / "pg" / "data")
    return tmp_path / "pg"


def ask(dsn: str, query: LiteralString):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def killed(folder: Path):
    """A server with a table and an open connection, killed by SIGKILL at the end of the block."""
    part = database.prepare(folder)
    popen = launch(part)
    try:
        wait_ready(popen, part, START_SECONDS)
        with psycopg.connect(database.ledger_dsn(folder), autocommit=True) as connection:
            connection.execute("create table if not exists fact (value int)")
            connection.execute("insert into fact values (1)")
            yield popen
            popen.kill()
            popen.wait()
    finally:
        stop(popen, part, 0)


def test_both_databases_exist_and_are_durable_by_default(folder):
    with running(database.prepare(folder)):
        assert ask(database.ledger_dsn(folder), "select current_database()") == [("platform",)]
        assert ask(database.ledger_dsn(folder), "show fsync") == [("on",)]
        assert ask(database.ledger_dsn(folder), "show synchronous_commit") == [("on",)]
        with sqlalchemy.create_engine(database.dagster_url(folder)).connect() as connection:
            assert connection.execute(sqlalchemy.text("select current_database()")).scalar() == "dagster"


def test_the_url_for_dagster_names_its_driver(tmp_path):
    assert database.dagster_url(tmp_path).startswith("postgresql+psycopg2://dagster@/dagster?host=/")


def test_a_killed_server_comes_back_with_everything_committed(folder):
    with killed(folder) as server:
        assert server.poll() is None
    assert server_pid(folder) == server.pid  # the stale pid file is there
    with running(database.prepare(folder)):
        assert ask(database.ledger_dsn(folder), "select value from fact") == [(1,)]


def test_a_pid_file_whose_number_means_another_process_by_now_does_not_stop_the_start(folder):
    with killed(folder):
        pass
    pid_file = folder / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
    with running(database.prepare(folder)):
        assert ask(database.ledger_dsn(folder), "select value from fact") == [(1,)]
    assert bystander.poll() is None
    bystander.communicate(b"\n")


def test_a_server_left_by_a_killed_supervisor_does_not_stop_the_next_start(folder):
    part = database.prepare(folder, is_durable=False)
    with running(part):
        first = server_pid(folder)
        part.pid_file.unlink()  # killed between starting the server and recording it
        with running(database.prepare(folder)):
            assert server_pid(folder) != first
            assert start_time(first) is None


def test_stopping_drops_clients_and_needs_no_recovery(folder):
    part = database.prepare(folder)
    popen = launch(part)
    wait_ready(popen, part, START_SECONDS)
    with psycopg.connect(database.ledger_dsn(folder)):
        assert stop(popen, part, 10) == 0
    assert "database system is shut down" in part.log.read_text().splitlines()[-1]
    assert not (folder / "data" / "postmaster.pid").exists()


def test_only_we_can_reach_the_socket(postgres: Postgres):
    place = database.socket_folder(postgres.folder)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert place.stat().st_uid == os.geteuid()
    assert stat.S_IMODE((place / database.SOCKET_NAME).stat().st_mode) == 0o700
    assert ask(postgres.dsn, "show listen_addresses") == [("",)]


def test_the_server_never_runs_as_root_and_no_folder_above_is_opened(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with running_postgres(closed / "pg") as server:
        # the server itself refuses to be root: that it answers is the proof
        assert ask(server.dsn, "select 1") == [(1,)]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE((closed / "pg").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["long" * 30, "a,b", "ein Ordner, mit Ümlaut", "per%20cent"])
def test_the_folder_may_have_any_name(tmp_path, template, name):
    folder = tmp_path / name
    shutil.copytree(template / "data", folder / "data")
    with running(database.prepare(folder, is_durable=False)):
        assert ask(database.ledger_dsn(folder), "select 1") == [(1,)]
        with sqlalchemy.create_engine(database.dagster_url(folder)).connect() as connection:
            assert connection.execute(sqlalchemy.text("select 1")).scalar() == 1
    place = database.socket_folder(folder)
    assert len(os.fsencode(place / database.SOCKET_NAME)) <= 104
    shutil.rmtree(place)


def test_the_short_folder_is_the_same_at_every_start_and_another_for_another_clone(tmp_path):
    one, two = tmp_path / ("long" * 30) / "one", tmp_path / ("long" * 30) / "two"
    assert database.socket_folder(one) == database.socket_folder(one)
    assert database.socket_folder(one) != database.socket_folder(two)


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_folder_that_others_can_enter_is_refused(tmp_path, mode):
    place = tmp_path / "socket"
    place.mkdir()
    place.chmod(mode)
    with pytest.raises(LocalError, match="not a folder that only we can enter"):
        database.claim_folder(place)


def test_a_link_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "socket").symlink_to(tmp_path / "theirs")
    with pytest.raises(LocalError, match="not a folder that only we can enter"):
        database.claim_folder(tmp_path / "socket")


def test_an_interrupted_initialisation_is_begun_again(tmp_path, template):
    shutil.copytree(template / "data" / "base", tmp_path / "data.new" / "base")
    (tmp_path / "data").mkdir()
    database.prepare(tmp_path, is_durable=False)
    assert (tmp_path / "data" / "PG_VERSION").read_text() == "18\n"
    assert not (tmp_path / "data.new").exists()


def test_damaged_data_is_never_overwritten(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "base").write_text("all that is left")
    with pytest.raises(LocalError, match="is damaged"):
        database.prepare(tmp_path)
    assert (tmp_path / "data" / "base").read_text() == "all that is left"


def test_each_test_has_a_database_of_its_own(ledger_dsn, postgres: Postgres):
    with fresh_database(postgres) as empty:
        assert ask(empty, "select count(*) from pg_tables where schemaname = 'public'") == [(0,)]
    assert ask(ledger_dsn, "select count(*) from batch") == [(0,)]
    assert ledger_dsn != postgres.dsn
