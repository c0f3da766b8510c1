"""What orchestration costs is the difference of two samples; the pipeline's own work is not counted to it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.local.instance import MARKER, PART
from analytics_platform.local.orchestration import (
    LEASE_CPU,
    Orchestration,
    cpu_seconds,
    grown,
    private_megabytes,
    worker_cpu,
)

NOW = datetime(2026, 11, 26, 13, 0, tzinfo=UTC)
EMPTY = Orchestration(
    seconds=10.0, cpu={}, transactions={}, leases=1, event_rows=0, event_bytes=0, bytes_on_disk_per_row=0.0
)


def test_of_two_samples_the_difference_counts_and_an_ended_part_has_used_nothing():
    before, after = {"daemon": 1.0, "worker": 9.0}, {"daemon": 1.5, "worker": 2.0, "warm": 0.25}
    assert grown(before, after) == {"daemon": 0.5, "warm": 0.25, "worker": 0.0}


def test_the_pipelines_work_in_a_warm_worker_is_no_orchestration():
    cpu = {"daemon": 1.0, "warm": 8.0, "postgres dagster": 0.5, "postgres platform": 0.5}
    assert replace(EMPTY, cpu=cpu, worker_cpu=(30.0, 40.0)).share == pytest.approx((1.0 + 0.5 + 8.0 / 4) / 10)
    assert replace(EMPTY, cpu=cpu).share == pytest.approx(0.95), "what is not known to be work is orchestration"


def test_of_backends_that_have_ended_dagsters_are_those_of_its_share_of_the_active_time():
    cpu = {"daemon": 1.0, "postgres": 4.0, "postgres platform": 5.0}
    assert replace(EMPTY, cpu=cpu, dagsters_share_of_postgres=0.25).share == pytest.approx((1.0 + 1.0) / 10)
    assert replace(EMPTY, cpu=cpu).share == pytest.approx(0.5), "what is not known to be the ledger's is orchestration"


def test_a_day_of_event_log_is_an_hours_rows_times_what_a_row_takes_on_disk():
    assert replace(EMPTY, event_rows=6_000, bytes_on_disk_per_row=2_000.0).bytes_a_day == 24 * 6_000 * 2_000


def test_leases_of_the_last_hour_are_read_from_the_workers_log(tmp_path):
    log = tmp_path / "worker.log"
    assert worker_cpu(log, NOW) == (0.0, 0.0)
    entries = [(NOW - timedelta(hours=2), LEASE_CPU), (NOW, "cycle.published"), (NOW, LEASE_CPU), (NOW, LEASE_CPU)]
    lines = [{"time": at.isoformat(), "event": event, "work": 1.5, "whole": 2.0} for at, event in entries]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert worker_cpu(log, NOW - timedelta(hours=1)) == (3.0, 4.0)


def test_memory_and_cpu_of_an_instances_processes_are_found_by_its_mark(tmp_path):
    code = (
        "b = bytearray(30_000_000); b[::4096] = b'1' * len(b[::4096]); import sys; print(flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, MARKER: str(tmp_path), PART: "warm"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    try:
        assert process.stdout is not None and process.stdout.readline()
        assert private_megabytes(tmp_path)["warm"] >= 28
        assert cpu_seconds(process.pid) >= 0.0
    finally:
        process.communicate()
    assert private_megabytes(tmp_path) == {} and cpu_seconds(process.pid) == 0.0
