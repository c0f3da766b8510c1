"""The page about the policy says all of it: whatever changes in the policy changes the page."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from analytics_platform.governance.page import page_of
from analytics_platform.governance.policy import LIGHT, Escalation
from analytics_platform.governance.policy_file import parse_policy
from analytics_platform.product import Compatibility
from analytics_platform.product.severity import Sev
from analytics_platform_tests.governance.test_policy_file import WHOLE

MORE = """
roles: {steward: [cem]}
exceptions: [{changes: [breaking], approve: automatic, until: 2026-06-01, reason: a move}]
delegations: [{from: cem, to: ben, until: 2027-01-31}]
break_glass: {roles: [board], hours: 4}
escalation: {after_hours: 48, to: board}
review_by: 2027-03-01
"""
FULL = parse_policy(WHOLE + MORE)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
CHANGED = {
    "rules": {"rules": FULL.rules[1:]},
    "people": {"people": {**FULL.people, "ana": replace(FULL.people["ana"], needs_token=True)}},
    "groups": {"groups": {**FULL.groups, "board": frozenset({"ana"})}},
    "roles": {"roles": {"steward": ("ben",)}},
    "exemptions": {"exemptions": (replace(FULL.exemptions[0], until=LATER),)},
    "delegations": {"delegations": (replace(FULL.delegations[0], until=LATER),)},
    "break_glass": {"break_glass": None},
    "escalation": {"escalation": Escalation(after=timedelta(hours=9), to="board")},
    "author_may_approve": {"author_may_approve": True},
    "approvals_last": {"approvals_last": timedelta(days=9)},
    "at_least": {"at_least": Compatibility.FULL},
    "sunset": {"sunset": timedelta(days=9)},
    "review_by": {"review_by": date(2030, 1, 1)},
}


def test_everything_that_a_policy_has_is_tried_below():
    assert CHANGED.keys() == set(FULL.__dataclass_fields__) - {"digest"}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=list(CHANGED))
def test_whatever_changes_in_the_policy_changes_its_page(changed):
    assert page_of(replace(FULL, **changed)) != page_of(FULL)


def test_roles_escalation_and_the_day_of_review_are_said_in_words():
    page = page_of(FULL)
    assert "| steward | cem |" in page and "| board | ana, ben |" in page
    assert "What has waited for 48 hours goes to board." in page
    assert "This policy is to be looked at again by 2027-03-01." in page


def test_what_a_policy_leaves_out_is_said_too():
    page = page_of(LIGHT)
    for words in ("Nobody is named", "Nobody may break glass", "Nobody is escalated to", "has no day of review"):
        assert words in page


def test_each_severity_is_on_it():
    assert all(f"- {sev}: " in page_of(LIGHT) for sev in Sev)
