"""Failing runs are told once for each time that they begin to fail; on a real Postgres."""

from datetime import UTC, datetime, timedelta

from analytics_platform.ledger.postgres.alarms import REMINDED_AFTER, raise_model_failing, raise_run_failing

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_alarm_says_which_pipeline_how_often_and_which_run(ledger):
    assert raise_run_failing(ledger, "shop", 3, "r3", None, NOW)
    found = ledger.execute("select kind, key, body, created_at from outbox").fetchall()
    assert found == [("run failing", "shop", {"failed_in_a_row": 3, "run_id": "r3"}, NOW)]


def test_the_same_trouble_is_told_once_delivered_or_not(ledger):
    assert raise_run_failing(ledger, "shop", 3, "r3", NOW - MINUTE, NOW)
    assert not raise_run_failing(ledger, "shop", 4, "r4", NOW - MINUTE, NOW + MINUTE)
    ledger.execute("update outbox set delivered_at = now()")
    assert not raise_run_failing(ledger, "shop", 5, "r5", NOW - MINUTE, NOW + MINUTE)


def test_after_a_success_new_trouble_is_told_again(ledger):
    assert raise_run_failing(ledger, "shop", 3, "r3", None, NOW)
    assert raise_run_failing(ledger, "shop", 3, "r9", NOW + MINUTE, NOW + 2 * MINUTE)


def test_each_pipeline_has_alarms_of_its_own(ledger):
    assert raise_run_failing(ledger, "shop", 3, "r3", None, NOW)
    assert raise_run_failing(ledger, "auction", 3, "a3", None, NOW)


def test_a_model_that_fails_is_told_once_for_each_reason_and_again_after_a_day(ledger):
    assert raise_model_failing(ledger, "revenue", "its SQL cannot run", NOW)
    assert not raise_model_failing(ledger, "revenue", "its SQL cannot run", NOW + MINUTE)
    assert raise_model_failing(ledger, "revenue", "a file is gone", NOW + MINUTE)
    assert raise_model_failing(ledger, "revenue", "its SQL cannot run", NOW + REMINDED_AFTER)
