"""A pipeline that cannot be planned is told of once that lasts, and until it can."""

from datetime import UTC, datetime

import pytest

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import fold, standing
from analytics_platform.definitions.planning_trouble import PATIENCE, PlanningTrouble

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def told(ledger, ledger_dsn, monkeypatch):
    """What stands at a time."""
    monkeypatch.setenv("AP_LEDGER_DSN", ledger_dsn)

    def look(at):
        fold(ledger, Known(), at)
        return [(alert.labels["alertname"], alert.annotations["reason"]) for alert in standing(ledger, at)]

    return look


def test_it_is_told_once_it_lasts_and_over_when_it_works(ledger, told):
    trouble = PlanningTrouble()
    for seconds in range(0, 180, 10):
        at = START + seconds * PATIENCE / 60
        trouble.failed("shop", "the broker refuses", at)
        assert told(at) == ([("PlanningFailing", "the broker refuses")] if at - START >= PATIENCE else [])
    assert ledger.execute("select count(*) from outbox").fetchone() == (1,)
    trouble.planned("shop", ledger, at)
    assert told(at) == []


def test_a_process_that_starts_finds_what_stands(ledger, told):
    before = PlanningTrouble()
    before.failed("shop", "down", START)
    before.failed("shop", "down", START + PATIENCE)
    assert told(START + PATIENCE)
    PlanningTrouble().planned("shop", ledger, START + 2 * PATIENCE)
    assert told(START + 2 * PATIENCE) == []


def test_a_ledger_that_is_down_is_no_further_trouble(monkeypatch):
    monkeypatch.setenv("AP_LEDGER_DSN", "postgresql://nobody@127.0.0.1:9/nothing")
    trouble = PlanningTrouble()
    assert not trouble.failed("shop", "down", START)
    assert not trouble.failed("shop", "down", START + PATIENCE)
