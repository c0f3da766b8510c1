"""A lease that waits for the one before it reads what it will need, and changes nothing."""

import logging
import threading
from contextlib import contextmanager
from importlib import import_module

import pytest

from analytics_platform.lake.duckdb import recompute
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.get_ready import get_ready
from analytics_platform.postgres import connect
from analytics_platform_tests.pipeline.house import NOON, auction, bid, kafka_with, opened
from analytics_platform_tests.pipeline.orders import lease, rows

EVENTS = ([bid("a", price=3), bid("b", price=7)], [auction(closes=5)])


def state(parts):
    dirty = parts.ledger.execute("select model, grain, mark from dirty order by 1, 2").fetchall()
    timers = parts.ledger.execute("select model, grain, due_at from timer order by 1, 2, 3").fetchall()
    return parts.tables.versions(), dirty, timers


@contextmanager
def another_writer(dsn, pipeline):
    with connect(dsn, application="other") as other, leases.taken(other, pipeline, "other", NOON):
        yield


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "analytics_platform")
    return lambda: [record.message for record in caplog.records if record.message.startswith("lease.")]


def test_getting_ready_changes_nothing_and_reads_what_others_have_written(ledger_dsn, tmp_path, said):
    kafka = kafka_with(*EVENTS)
    with opened(ledger_dsn, tmp_path, kafka) as behind, opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        before = state(parts)
        assert behind.tables.versions() != parts.tables.versions()
        with another_writer(ledger_dsn, parts.pipeline.name):
            get_ready(behind)
        assert said() == ["lease.ready"] and state(behind) == before


def test_the_newest_grain_of_every_model_that_has_something_to_read_is_computed(ledger_dsn, tmp_path, monkeypatch):
    computed = []

    def seen(query, model, read):
        computed.append((model.name, recompute(query, model, read).num_rows))

    module = import_module("analytics_platform.pipeline.get_ready")  # its name is that of a function, too
    monkeypatch.setattr(module, "recompute", seen)
    with opened(ledger_dsn, tmp_path, kafka_with(*EVENTS)) as parts:
        lease(parts)
        with another_writer(ledger_dsn, parts.pipeline.name):
            get_ready(parts)
        with_rows = [m.name for m in parts.pipeline.models if parts.tables.input(m.inputs[0]).files()]
        assert [name for name, _ in computed] == with_rows == ["hot", "wins"]
        assert any(count for _, count in computed)


def test_once_the_lock_is_free_nothing_more_is_read(ledger_dsn, tmp_path, said):
    with opened(ledger_dsn, tmp_path, kafka_with(*EVENTS)) as parts:
        lease(parts)
        get_ready(parts)
    assert said() == []


def test_a_lease_gets_ready_while_another_one_works_and_then_works_as_ever(ledger_dsn, tmp_path, monkeypatch):
    ready = threading.Event()

    def seen(parts):
        get_ready(parts)
        ready.set()

    monkeypatch.setattr("analytics_platform.pipeline.get_ready", seen)
    with opened(ledger_dsn, tmp_path, kafka_with(*EVENTS)) as parts:
        waiting = threading.Thread(target=lambda: run_lease(parts, "waits", NOON))
        with another_writer(ledger_dsn, parts.pipeline.name):
            waiting.start()
            assert ready.wait(20)
        waiting.join(20)
        assert not waiting.is_alive() and rows(parts, "bids/silver").num_rows == 2


def test_a_lease_that_need_not_wait_loses_no_time_getting_ready(ledger_dsn, tmp_path, monkeypatch):
    monkeypatch.setattr("analytics_platform.pipeline.get_ready", lambda parts: 1 / 0)
    with opened(ledger_dsn, tmp_path, kafka_with(*EVENTS)) as parts:
        lease(parts)
        assert rows(parts, "bids/silver").num_rows == 2


def test_files_that_are_gone_are_left_to_the_lease(ledger_dsn, tmp_path, said):
    with opened(ledger_dsn, tmp_path, kafka_with(*EVENTS)) as parts:
        lease(parts)
        for table in parts.tables.by_name.values():
            for file in table.files():
                (table.root / file.path).unlink()
        with another_writer(ledger_dsn, parts.pipeline.name):
            get_ready(parts)
    assert said() == ["lease.not_ready"]
