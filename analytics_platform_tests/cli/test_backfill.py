"""`ap backfill` and `ap stream pause` as people type them, on a real ledger."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from psycopg.types.json import Jsonb

from analytics_platform.cli.backfill import command
from analytics_platform.cli.stream import command as stream
from analytics_platform.errors import DeclarationError, LedgerError
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.ledger.rework import Kind, Order, OrderState
from analytics_platform.postgres import connect

HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOTE = {"added": 1, "removed": 2, "before": {"published": 9}, "after": {"published": 8, "conflict": 1}, "rows": 9}
SPAN = ["--from", "2026-11-01T12:00", "--to", "2026-11-01T13:00"]


@pytest.fixture
def ledger(ledger_dsn, monkeypatch, tmp_path):
    monkeypatch.setenv("AP_LEDGER_DSN", ledger_dsn)
    monkeypatch.setenv("AP_STATE_DIR", str(tmp_path))
    with connect(ledger_dsn, application="test") as connection:
        ensure_pipeline(connection, "auction_house")
        for number in (1, 2):
            connection.execute(
                "insert into batch (stream, number, hour, state, reader_schema_id, contract_digest, planned_at,"
                " landed_rows) values ('bids', %s, %s, 'published', 1, '', %s, 9)",
                [number, HOUR, HOUR],
            )
        yield connection


@pytest.fixture
def order(ledger):
    return rework.give(
        ledger,
        Order(
            pipeline="auction_house",
            kind=Kind.BACKFILL,
            requested_by="ada",
            reason="a new rule",
            requested_at=HOUR,
            hours=(HOUR,),
            streams=("bids",),
        ),
    )


def run(*arguments, of=command):
    """The command in this process; what it raises is raised."""
    done = CliRunner().invoke(of, list(arguments), catch_exceptions=True)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def state(ledger, order):
    seen = rework.progress(ledger, order)
    return seen and seen.state


def test_an_order_is_cancelled_and_resumed_by_its_id(ledger, order):
    assert run("cancel", order).exit_code == 0
    assert state(ledger, order) is OrderState.CANCELLED
    with pytest.raises(LedgerError, match="is not open"):
        run("cancel", order)
    assert run("resume", order, "--no-wait").exit_code == 0
    assert state(ledger, order) is OrderState.OPEN
    with pytest.raises(LedgerError, match="neither cancelled nor failed"):
        run("resume", order, "--no-wait")


def test_status_tells_how_far_it_is_and_what_changed(ledger, order):
    ledger.execute("update rework_batch set done_at = now(), changed = true, note = %s where number = 1", [Jsonb(NOTE)])
    said = run("status", order).output
    assert "1 of 2 batches" in said and "1 rows added to silver, 2 removed" in said and "published: 9 → 8" in said
    found = json.loads(run("status", "--json").output)
    assert found["id"] == order and found["changes"]["changed"] == 1


def test_a_failed_order_is_exit_code_1_and_names_the_way_on(ledger, order):
    ledger.execute("update rework set state = 'failed', error = 'no disk'")
    done = run("status", order)
    assert done.exit_code == 1 and f"error: no disk; then: ap backfill resume {order}" in done.output


def test_orders_are_listed(order):
    assert [row["id"] for row in json.loads(run("list", "--json").output)] == [order]


def test_what_is_not_there_is_named(ledger):
    with pytest.raises(LedgerError, match="there is no order yet"):
        run("status")
    with pytest.raises(DeclarationError, match="neither a stream nor a model"):
        run("bid", *SPAN)
    assert run("bids", "--from", "2026-11-01T12:00", "--to", "2026-11-01T12:00").exit_code == 2


def test_a_dry_run_names_rows_that_bronze_has_lost(ledger, kafka, monkeypatch):
    monkeypatch.setenv("AP_KAFKA_BOOTSTRAP", kafka.bootstrap)
    done = run("bids", *SPAN, "--dry-run", "--json")
    found = json.loads(done.output)
    assert done.exit_code == 1 and not found["is_possible"]
    assert found["by_source"] == {"bronze": 0, "not landed yet": 0, "only in Kafka": 2, "gone": 0}
    assert rework.recent(ledger, 1) == []
    with pytest.raises(LedgerError, match="bronze does not hold"):
        run("bids", *SPAN)


def test_a_dry_run_of_hours_without_data_is_nothing_to_do(ledger, kafka, monkeypatch):
    monkeypatch.setenv("AP_KAFKA_BOOTSTRAP", kafka.bootstrap)
    done = run("hot_items", "--from", "2026-10-01", "--to", "2026-10-02", "--dry-run")
    assert done.exit_code == 0
    assert "24 hours of bids: 0 batches, 0 rows" in done.output and "time: not known yet" in done.output


def test_a_stream_is_paused_for_a_while_and_resumed(ledger):
    assert "is paused until" in run("pause", "bids", "--reason", "a bad deploy", "--until", "2h", of=stream).output
    row = ledger.execute("select reason, until - since from pause where stream = 'bids'").fetchone()
    assert row[0] == "a bad deploy" and abs(row[1].total_seconds() - 7200) < 5
    assert "is read again" in run("resume", "bids", of=stream).output
    assert "was not paused" in run("resume", "bids", of=stream).output


@pytest.mark.parametrize("until", ["yesterday", "2020-01-01T00:00", "0s"])
def test_a_pause_ends_in_the_future(ledger, until):
    done = run("pause", "bids", "--reason", "x", "--until", until, of=stream)
    assert done.exit_code == 2


def test_an_unknown_stream_cannot_be_paused(ledger):
    with pytest.raises(DeclarationError, match="no declared stream"):
        run("pause", "bid", "--reason", "x", "--until", "2h", of=stream)
