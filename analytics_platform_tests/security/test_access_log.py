"""Facts of access: kept though what was asked for fails, in their order, and changed by nobody."""

from datetime import UTC, datetime

import psycopg
import pytest

from analytics_platform.errors import NotEntitledError
from analytics_platform.security.access_log import admit, newest
from analytics_platform.security.asker import STRANGER, Asker, Wanted
from analytics_platform.security.roles import Action, Role

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANA = Asker(name="ana", known_by="token 1", roles=frozenset({Role.ON_CALL}))


def wanted(action: Action) -> Wanted:
    return Wanted(action=action, target="bids/7", via="a test", details={"reason": "a spike"})


def test_what_was_asked_for_is_kept_with_who_how_known_and_why_not(ledger):
    admit(ledger, ANA, wanted(Action.DECIDE_BATCH), NOON)
    admit(ledger, ANA, wanted(Action.READ_TABLE), NOON)  # too common to be kept
    with pytest.raises(NotEntitledError, match=r"ana .* may not give or take access"):
        admit(ledger, ANA, wanted(Action.GIVE_ACCESS), NOON)
    with pytest.raises(NotEntitledError):
        admit(ledger, STRANGER, wanted(Action.READ_TABLE), NOON)

    assert [(fact.who, fact.known_by, fact.wanted.action, bool(fact.problem)) for fact in newest(ledger, 9)] == [
        ("nobody known", "no token", Action.READ_TABLE, True),
        ("ana", "token 1", Action.GIVE_ACCESS, True),
        ("ana", "token 1", Action.DECIDE_BATCH, False),
    ]
    assert newest(ledger, 9, "ana", denied=True)[0].wanted == wanted(Action.GIVE_ACCESS)


@pytest.mark.parametrize(
    "change", ["update access_fact set who = 'eve'", "delete from access_fact", "truncate access_fact"]
)
def test_nothing_that_was_kept_is_changed(ledger, change):
    admit(ledger, ANA, wanted(Action.DECIDE_BATCH), NOON)
    with pytest.raises(psycopg.Error, match="are facts"):
        ledger.execute(change)


@pytest.mark.parametrize("name", ["who", "known_by", "via"])
def test_no_fact_is_without_a_name(ledger, name):
    admit(ledger, ANA, wanted(Action.DECIDE_BATCH), NOON)
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.execute(
            "insert into access_fact (at, who, known_by, via, action, target) values (now(), %s, %s, %s, 'x', 'y')",
            ["" if name == column else "ana" for column in ("who", "known_by", "via")],
        )
