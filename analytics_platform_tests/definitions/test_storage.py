"""Dagster's storage on kept connections holds what stock's holds, and connects once where stock does for each look."""

from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import psycopg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance import InstanceRef
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.test_utils import instance_for_test
from dagster._serdes import deserialize_value, serialize_value

from analytics_platform.definitions.storage import KEPT, OVERFLOW
from analytics_platform.settings import ROOT

OURS, STOCK = (yaml.safe_load((ROOT / name).read_text())["storage"] for name in ("dagster.yaml", "dagster.stock.yaml"))
LOOKS = 10
SESSIONS = "select sessions from pg_stat_database where datname = current_database()"
END_OTHERS = """select count(pg_terminate_backend(pid)) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and usename is not null"""
HERE = RegisteredCodeLocationOrigin("here")  # ty: ignore[abstract-class-instantiation]  # its field is the property
HOME = RemoteRepositoryOrigin(HERE, "ours")
WATCHER = InstigatorState(
    RemoteInstigatorOrigin(HOME, "watcher"), InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData()
)


@dg.asset
def table():
    """Something to make."""


@pytest.fixture
def sees(ledger_dsn, monkeypatch):
    """Makes an instance of a storage as its file declares it."""
    monkeypatch.setenv("AP_DAGSTER_POSTGRES_URL", ledger_dsn.replace("postgresql://", "postgresql+psycopg2://", 1))
    return lambda storage: instance_for_test(overrides={"storage": storage})


@pytest.fixture
def sessions(ledger_dsn):
    """Counts connections that were ever made to the database."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        yield lambda: connection.execute(SESSIONS).fetchall()[0][0]


def again(instance):
    """The instance as another tick of a sensor makes it: from what the daemon says of it."""
    return dg.DagsterInstance.from_ref(deserialize_value(serialize_value(instance.get_ref()), InstanceRef))


def look(instance):
    """What daemon and sensors do in each round."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return [state.instigator_name for state in states], len(instance.get_run_records(limit=5))


def end_all_but_ours(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(END_OTHERS).fetchall()[0][0]


def test_what_one_writes_the_other_reads(sees):
    with sees(OURS) as ours, sees(STOCK) as stock:
        ours.add_instigator_state(WATCHER)
        run = dg.materialize([table], instance=ours).run_id
        assert look(stock) == look(ours) == (["watcher"], 1)
        told = [entry.dagster_event_type for entry in stock.all_logs(run)]
        assert told == [entry.dagster_event_type for entry in ours.all_logs(run)]
        assert dg.DagsterEventType.ASSET_MATERIALIZATION in told
        dg.materialize([table], instance=stock)
        stock.update_instigator_state(WATCHER.with_status(InstigatorStatus.STOPPED))
        (stopped,) = ours.all_instigator_state()
        assert stopped.status is InstigatorStatus.STOPPED
        assert len(ours.fetch_materializations(table.key, limit=10).records) == 2


def test_instances_of_one_process_share_its_connections_and_stocks_do_not(sees, sessions):
    made = {}
    for name, storage in (("ours", OURS), ("stock", STOCK)):
        with sees(storage) as instance:
            look(instance)
            before = sessions()
            for _ in range(LOOKS):
                look(again(instance))
            made[name] = sessions() - before
    assert made["ours"] <= KEPT
    assert made["stock"] >= 3 * LOOKS


def test_the_tables_are_looked_for_again_only_until_they_are_there(sees):
    with sees(OURS) as instance:
        storage = instance.schedule_storage
        assert not storage.has_built_index("not built yet")
        storage.mark_index_built("not built yet")
        assert storage.has_built_index("not built yet") and storage.has_instigators_table()


def test_what_broke_while_it_was_kept_is_connected_anew(sees, ledger_dsn):
    with sees(OURS) as instance:
        instance.add_instigator_state(WATCHER)
        for _ in range(2):
            assert end_all_but_ours(ledger_dsn) >= 1
            assert look(instance) == (["watcher"], 0)


def test_more_threads_than_connections_all_get_their_turn(sees):
    with sees(OURS) as instance, ThreadPoolExecutor(2 * (KEPT + OVERFLOW)) as pool:
        assert len(list(pool.map(lambda _: look(instance), range(4 * (KEPT + OVERFLOW))))) == 4 * (KEPT + OVERFLOW)
