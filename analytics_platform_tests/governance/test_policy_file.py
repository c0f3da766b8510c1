"""governance.yaml: what it may say, and clear errors for the rest."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.change import ChangeClass
from analytics_platform.governance.policy import LIGHT, Demand, Need, Verdict
from analytics_platform.governance.policy_file import parse_policy

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REST = """
rules:
  - {subjects: "pay-*", changes: [breaking], approve: [{role: board, quorum: 2}]}
  - {subjects: "*", changes: [breaking, lake-breaking], approve: refused}
  - {subjects: "*", changes: [personal-data], approve: [owner, board]}
  - {subjects: "*", changes: [documentation, compatible], approve: automatic}
"""
WHOLE = (
    """
people: {ana: {email: ana@x}, ben: {}, cem: {}}
groups: {board: [ana, ben], "team:pay": [cem]}
"""
    + REST
)


def test_without_a_file_nobody_is_asked_and_what_breaks_is_refused():
    policy = parse_policy(None)
    assert policy is LIGHT
    assert policy.rule_for("any", ChangeClass.COMPATIBLE, NOW).verdict is Verdict.AUTOMATIC
    assert policy.rule_for("any", ChangeClass.BREAKING, NOW).verdict is Verdict.REFUSED


def test_the_first_rule_that_fits_decides_and_each_class_adds_its_needs():
    policy = parse_policy(WHOLE)
    both = {ChangeClass.BREAKING, ChangeClass.PERSONAL_DATA}
    found = policy.demanded("pay-value", both, NOW, is_signed=True)
    assert found == Demand(needs=(Need(role="board", quorum=2), Need(role="owner")))
    assert policy.demanded("other-value", both, NOW, is_signed=True).refused == {ChangeClass.BREAKING}
    assert policy.members("owner", "team:pay") == {"cem"}


def test_an_exception_goes_first_until_its_day_is_over():
    policy = parse_policy(
        WHOLE + "exceptions:\n  - {changes: [breaking], approve: automatic, until: 2026-06-01, reason: a move}\n"
    )
    assert policy.rule_for("x", ChangeClass.BREAKING, NOW + timedelta(hours=23)).verdict is Verdict.AUTOMATIC
    assert policy.rule_for("x", ChangeClass.BREAKING, NOW + timedelta(hours=24)).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: [", "no YAML"),
        ("- a", "is list"),
        ("rules: []\nrule: []", "'rule' means nothing here"),
        ("rules: []", "no rule for `*` covers breaking"),
        (WHOLE.replace("approve: refused", "approve: automatic"), "no approval makes a table"),
        (WHOLE.replace("quorum: 2", "quorum: 3"), "3 of board are asked for, and 2 are named"),
        (WHOLE.replace("quorum: 2", "quorum: 0"), "asks for nobody"),
        (WHOLE.replace("[owner, board]", "[owner, bord]"), "1 of bord are asked for, and 0 are named"),
        (WHOLE.replace("[ana, ben]", "[ana, bea]"), "nobody is called bea"),
        (WHOLE.replace("[personal-data]", "[personal]"), "list some of documentation"),
        (WHOLE.replace("{email: ana@x}", "{token_sha256: 12}"), "'token_sha256' means nothing here"),
        (WHOLE.replace("{email: ana@x}", "{known_by: commits}"), "known_by is 'commits'"),
        (WHOLE.replace("{email: ana@x}", "{email: ana@x, known_by: face}"), "known_by is 'face'"),
        (WHOLE + "exceptions: [{changes: [breaking], approve: automatic, until: 2026-06-01}]", "has no reason"),
        (WHOLE + "exceptions: [{changes: [breaking], approve: automatic, reason: x}]", "until is None"),
        (WHOLE + "delegations: [{from: ana, to: zoe, until: 2026-06-01}]", "to is 'zoe'"),
        (WHOLE + "break_glass: {roles: [board]}", "hours: is None"),
        (WHOLE + "at_least: STRICT", "write one of NONE"),
        (WHOLE + "review_by: soon", "review_by: is 'soon'"),
        (WHOLE + "author_may_approve: maybe", "write true or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_remedy(text, says):
    with pytest.raises(DeclarationError, match=says.replace("[", r"\[").replace("*", r"\*")) as error:
        parse_policy(text)
    assert str(error.value).startswith("governance.yaml") and "; " in str(error.value)
