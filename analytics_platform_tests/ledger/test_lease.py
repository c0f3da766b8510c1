"""One writer at a time, and an epoch that only grows; on a real Postgres."""

import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest

from analytics_platform.errors import FencedError
from analytics_platform.facts import OffsetRange, Pins
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import planning
from analytics_platform.postgres import connect

HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_dsn):
    with connect(ledger_dsn, application="test") as connection:
        leases.ensure_pipeline(connection, "p")
        yield connection


def test_each_lease_has_a_higher_epoch(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as first:
        assert first.epoch == 1 and first.is_clean
    with leases.taken(ledger, "p", "r2", HOUR) as second:
        assert second.epoch == 2 and second.is_clean


def test_a_lease_that_ended_in_an_error_is_seen_by_the_next(ledger):
    with pytest.raises(KeyError), leases.taken(ledger, "p", "r1", HOUR):
        raise KeyError
    with leases.taken(ledger, "p", "r2", HOUR) as second:
        assert not second.is_clean


def test_a_second_writer_waits_for_the_first(ledger, ledger_dsn):
    order, waiting = [], threading.Event()

    def second():
        with connect(ledger_dsn, application="second") as other:
            waiting.set()
            with leases.taken(other, "p", "r2", HOUR):
                order.append("second")

    with leases.taken(ledger, "p", "r1", HOUR):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait(10)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_a_lost_connection_frees_the_lock(ledger, ledger_dsn):
    other = connect(ledger_dsn, application="doomed")
    other.execute("select pg_advisory_lock(hashtextextended('pipeline/' || 'p', 0))")
    assert leases.is_locked(ledger, "p")
    other.close()
    with leases.taken(ledger, "p", "r1", HOUR):
        assert leases.is_locked(ledger, "p")
    assert not leases.is_locked(ledger, "p")


def test_a_fenced_writer_learns_it_at_the_ledger(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        ledger.execute("update pipeline set epoch = epoch + 1")
        with pytest.raises(FencedError, match="epoch 2 took over from 1"):
            leases.require_epoch(ledger, lease)


def test_a_lease_does_not_end_while_a_batch_is_open(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        only = OffsetRange(topic_id=UUID(int=1), partition=0, start=0, end=1)
        planning.record(ledger, "p", "s", [only], Pins(reader_schema_id=1), HOUR)
        assert not leases.end(ledger, lease, ["s"])
        ledger.execute("update batch set state = 'published'")
        assert leases.end(ledger, lease, ["s"])


def test_tables_are_cleaned_once_an_hour(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        assert leases.claim_upkeep(ledger, lease, HOUR)
        assert not leases.claim_upkeep(ledger, lease, HOUR.replace(minute=59))
        assert leases.claim_upkeep(ledger, lease, HOUR.replace(hour=14))


def test_a_run_lives_as_long_as_it_is_connected(ledger, ledger_dsn):
    with connect(ledger_dsn, application="run abc-1"), connect(ledger_dsn, application="planner p"):
        assert leases.connected_runs(ledger) == {"abc-1"}


def test_an_error_is_not_hidden_by_a_connection_that_broke_with_it(ledger, ledger_dsn):
    with (
        pytest.raises(KeyError),
        connect(ledger_dsn, application="run r1") as own,
        leases.taken(own, "p", "r1", HOUR),
    ):
        ledger.execute("select pg_terminate_backend(%s)", [own.info.backend_pid])
        raise KeyError
    assert not leases.is_locked(ledger, "p")
