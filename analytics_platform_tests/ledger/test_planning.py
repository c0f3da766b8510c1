"""Batches are gapless and disjoint, whoever plans; on a real Postgres."""

import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest

from analytics_platform.facts import BatchState, OffsetRange, Pins
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.postgres import connect

TOPIC = UUID(int=7)
NOW = datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC)
PINS = Pins(reader_schema_id=1)


@pytest.fixture
def ledger(ledger_dsn):
    with connect(ledger_dsn, application="test") as connection:
        ensure_pipeline(connection, "p")
        yield connection


def ranges(*bounds):
    return [OffsetRange(topic_id=TOPIC, partition=i, start=a, end=b) for i, (a, b) in enumerate(bounds) if b > a]


def test_a_recorded_batch_is_read_back_as_it_was(ledger):
    batch = planning.record(ledger, "p", "s", ranges((0, 5), (0, 3)), PINS, NOW)
    assert batch is not None
    assert planning.open_batches(ledger, ["s"]) == [batch]
    assert (batch.id.number, batch.hour, batch.offsets) == (1, NOW.replace(minute=0, second=0), 8)
    assert planning.frontier(ledger, "s", TOPIC) == {0: 5, 1: 3}


def test_a_plan_on_an_outdated_frontier_records_nothing(ledger):
    planning.record(ledger, "p", "s", ranges((0, 5)), PINS, NOW)
    assert planning.record(ledger, "p", "s", ranges((0, 9)), PINS, NOW) is None
    assert planning.record(ledger, "p", "s", ranges((3, 9)), PINS, NOW) is None
    assert len(planning.open_batches(ledger, ["s"])) == 1


def test_a_plan_that_loses_on_one_partition_moves_no_other(ledger):
    planning.record(ledger, "p", "s", ranges((0, 5), (0, 5)), PINS, NOW)
    assert planning.record(ledger, "p", "s", ranges((5, 9), (4, 9)), PINS, NOW) is None
    assert planning.frontier(ledger, "s", TOPIC) == {0: 5, 1: 5}


def test_six_racing_planners_leave_no_gap_and_no_overlap(ledger, ledger_dsn):
    ends = [400, 7]

    def plan():
        with connect(ledger_dsn, application="racer") as connection:
            while True:
                at = planning.frontier(connection, "s", TOPIC)
                new = ranges(*[(at.get(p, 0), min(at.get(p, 0) + 9, end)) for p, end in enumerate(ends)])
                if not new:
                    return
                planning.record(connection, "p", "s", new, PINS, NOW)

    threads = [threading.Thread(target=plan) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    batches = planning.open_batches(ledger, ["s"])
    assert [batch.id.number for batch in batches] == list(range(1, len(batches) + 1))
    for partition, end in enumerate(ends):
        found = [(r.start, r.end) for batch in batches for r in batch.ranges if r.partition == partition]
        assert [a for a, _ in found] == [0, *[b for _, b in found[:-1]]] and found[-1][1] == end


def test_a_recreated_topic_starts_from_its_own_frontier(ledger):
    planning.record(ledger, "p", "s", ranges((0, 5)), PINS, NOW)
    assert planning.frontier(ledger, "s", UUID(int=8)) == {}


def test_lost_offsets_are_skipped_in_the_open(ledger):
    planning.record(ledger, "p", "s", ranges((0, 5)), PINS, NOW)
    assert planning.skip_lost(ledger, "p", "s", ranges((5, 90)), NOW)
    assert planning.frontier(ledger, "s", TOPIC) == {0: 90}
    assert ledger.execute("select start_offset, end_offset from lost_range").fetchall() == [(5, 90)]
    assert ledger.execute("select kind, key from outbox").fetchall() == [("offsets lost", "s")]


def test_a_landed_batch_stays_open_and_says_so(ledger):
    batch = planning.record(ledger, "p", "s", ranges((0, 5)), PINS, NOW)
    assert batch is not None
    planning.mark_landed(ledger, batch, 5)
    assert [(b.state, b.landed_rows) for b in planning.open_batches(ledger, ["s"])] == [(BatchState.LANDED, 5)]


def test_one_cycle_takes_the_first_open_batch_of_each_stream(ledger):
    for stream in ("s", "t"):
        planning.record(ledger, "p", stream, ranges((0, 5)), PINS, NOW)
        planning.record(ledger, "p", stream, ranges((5, 6)), PINS, NOW)
    assert [str(b.id) for b in planning.next_batches(ledger, ["s", "t"])] == ["s/1", "t/1"]


def test_a_hold_names_its_reasons_until_each_is_released(ledger):
    planning.hold_ingestion(ledger, "disk full")
    planning.hold_ingestion(ledger, "maintenance")
    planning.release_ingestion(ledger, "disk full")
    assert planning.is_on_hold(ledger) == ["maintenance"]


def test_numbers_of_batches_bound_what_may_be_folded_or_expired(ledger):
    assert (planning.first_unpublished(ledger, "s"), planning.first_of_hour(ledger, "s", NOW)) == (1, 1)
    planning.record(ledger, "p", "s", ranges((0, 5)), PINS, NOW)
    ledger.execute("update batch set state = 'published'")
    assert planning.first_unpublished(ledger, "s") == 2
    assert planning.first_of_hour(ledger, "s", NOW.replace(hour=13)) == 2
