"""Each private part of Dagster that we use is what we take it for; `make test-upstream` asks the newest version.

That the parts do what they should is tested where they are used; here a change is named before it is a riddle.
"""

import inspect

import dagster as dg
import dagster._daemon.sensor as sensor_daemon
import pytest
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance import InstanceRef
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.schedules import SqlScheduleStorage
from dagster._core.storage.tags import BACKFILL_ID_TAG, PARENT_RUN_ID_TAG, PARTITION_NAME_TAG, RETRY_NUMBER_TAG
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)

from analytics_platform.definitions import coordinator
from analytics_platform.definitions.coordinator import LOOP_SECONDS, STOCK_LOOP_SECONDS, quicken_sensors
from analytics_platform.definitions.launcher import WarmRunLauncher

CONSTANT = "MIN_INTERVAL_LOOP_TIME"


def parameters(function):
    return list(inspect.signature(function).parameters)


def test_a_launcher_is_asked_in_the_form_that_ours_overrides():
    for name in ("launch_run", "terminate", "check_run_worker_health", "register_instance"):
        assert parameters(getattr(WarmRunLauncher, name)) == parameters(getattr(RunLauncher, name)), name
    assert LaunchRunContext._fields == ("dagster_run", "workspace")
    assert {"status", "msg", "run_worker_id"} <= set(CheckRunHealthResult._fields)
    assert {"RUNNING", "FAILED"} <= set(WorkerStatus.__members__)


def test_the_stock_launcher_can_be_fallen_back_to():
    assert isinstance(DefaultRunLauncher()._run_ids, set)
    assert parameters(QueuedRunCoordinator.submit_run) == ["self", "context"]


def test_a_run_is_executed_by_the_function_of_dagsters_own_worker():
    wanted = ["run_id", "instance", "write_stream_fn", "set_exit_code_on_failure"]
    assert parameters(_execute_run_command_body) == wanted


def test_an_instance_can_be_named_to_another_process():
    with dg.DagsterInstance.local_temp() as instance:
        reference = serialize_value(instance.get_ref())
        assert deserialize_value(reference, InstanceRef) == instance.get_ref()


def test_a_storage_takes_the_connections_that_it_is_given():
    for storage in (PostgresRunStorage, PostgresEventLogStorage, PostgresScheduleStorage):
        assert "self._engine = create_pg_engine(" in inspect.getsource(storage.__init__), storage
    made = inspect.getsource(DagsterPostgresStorage)
    assert all(f"return self._{name}_storage" in made for name in ("run", "event_log", "schedule"))
    assert parameters(SqlScheduleStorage._has_instigators_table) == ["self", "conn"]
    assert parameters(SqlScheduleStorage.has_instigators_table) == ["self"]
    assert parameters(SqlScheduleStorage.has_built_index) == ["self", "migration_name"]


def test_interrupts_can_be_put_off():
    with capture_interrupts():
        assert not check_captured_interrupt()


def test_definitions_are_found_in_a_module():
    found = loadable_targets_from_python_module("analytics_platform_tests.definitions.warm_location", None)
    assert [target.attribute for target in found] == ["defs"]


def test_the_tags_that_say_why_a_run_exists():
    assert (BACKFILL_ID_TAG, PARENT_RUN_ID_TAG) == ("dagster/backfill", "dagster/parent_run_id")
    assert (PARTITION_NAME_TAG, RETRY_NUMBER_TAG) == ("dagster/partition", "dagster/retry_number")


@pytest.fixture
def stock_loop():
    found = sensor_daemon.MIN_INTERVAL_LOOP_TIME
    yield found
    setattr(sensor_daemon, CONSTANT, found)


def test_the_sensor_loop_reads_its_constant_in_each_round(stock_loop):
    source = inspect.getsource(sensor_daemon.execute_sensor_iteration_loop)
    assert "MIN_INTERVAL_LOOP_TIME - loop_duration" in source
    assert stock_loop in (STOCK_LOOP_SECONDS, LOOP_SECONDS)


def test_sensors_turn_faster_in_the_daemon(stock_loop):
    setattr(sensor_daemon, CONSTANT, STOCK_LOOP_SECONDS)
    assert quicken_sensors() and sensor_daemon.MIN_INTERVAL_LOOP_TIME == LOOP_SECONDS
    assert quicken_sensors(), "once more is no change"


def test_a_constant_that_has_changed_is_left_alone(stock_loop, caplog):
    setattr(sensor_daemon, CONSTANT, 7)
    assert not quicken_sensors()
    assert sensor_daemon.MIN_INTERVAL_LOOP_TIME == 7
    assert [record.message for record in caplog.records if record.name == coordinator.__name__] == [
        "sensors.stock_cadence"
    ]
