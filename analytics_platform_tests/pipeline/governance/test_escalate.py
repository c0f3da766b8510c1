"""What waits for its votes for too long is told once, to whom the policy names."""

from datetime import timedelta

from analytics_platform.governance.record import Fact, Step
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.pipeline.governance.escalate import escalate
from analytics_platform_tests.governance.test_policy_file import WHOLE
from analytics_platform_tests.pipeline.governance.bronze import NOW

DAY = timedelta(days=1)


def fact(subject, step):
    return Fact(subject=subject, version=2, step=step, digest="d", who="ana", at=NOW)


def test_what_was_let_through_or_is_young_is_not_told_of_and_the_rest_once(ledger, tmp_path):
    (tmp_path / "governance.yaml").write_text(WHOLE + "escalation: {after_hours: 48, to: board}\n")
    for subject in ("waits-value", "goes-value"):
        LedgerFacts(ledger).record(fact(subject, Step.REVIEWED))
    LedgerFacts(ledger).record(fact("goes-value", Step.PERMITTED))

    told = [escalate(ledger, tmp_path, NOW + days * DAY) for days in (1, 3, 4)]

    assert told == [0, 1, 0]
    [(kind, key, body)] = ledger.execute("select kind, key, body from outbox").fetchall()
    assert (kind, key, body["owner"]) == ("approval waits", "waits-value version 2", "board")


def test_a_policy_without_escalation_tells_nobody(ledger, tmp_path):
    LedgerFacts(ledger).record(fact("waits-value", Step.REVIEWED))
    assert escalate(ledger, tmp_path, NOW + 99 * DAY) == 0


def test_a_policy_whose_day_of_review_is_over_is_told_of_once(ledger, tmp_path):
    until = (NOW + 2 * DAY).date()
    (tmp_path / "governance.yaml").write_text(
        WHOLE + f"escalation: {{after_hours: 48, to: board}}\nreview_by: {until}\n"
    )
    assert [escalate(ledger, tmp_path, NOW + days * DAY) for days in (1, 2, 3, 4)] == [0, 0, 1, 0]
    [(kind, body)] = ledger.execute("select kind, body from outbox").fetchall()
    assert (kind, body["owner"]) == ("policy review due", "board")
