"""Who may what: refused by name, bounded by the policy, and signed with their own name."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.security.asker import STRANGER, Asker, Wanted, bounded, fact_of, refusal, signature
from analytics_platform.security.roles import MAY, PLAIN, Action, Role

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROLES = st.frozensets(st.sampled_from(list(Role)))
ACTIONS = st.sampled_from(list(Action))


def wanted(action: Action) -> Wanted:
    return Wanted(action=action, target="bids/7", via="ap batch release")


@given(ROLES, ACTIONS)
def test_a_refusal_names_who_what_on_what_and_who_may(roles, action):
    problem = refusal(Asker(name="ana", known_by="token 1", roles=roles), wanted(action))
    assert (problem is None) == bool(roles & MAY[action])
    if problem:
        assert all(word in str(problem) for word in ("ana (token 1)", action, "bids/7", *MAY[action]))


@given(ROLES, ACTIONS)
def test_all_that_is_refused_or_changes_something_is_a_fact(roles, action):
    fact = fact_of(Asker(name="ana", known_by="token 1", roles=roles), wanted(action), NOON)
    is_refused = not roles & MAY[action]
    assert (fact is not None) == (is_refused or action not in PLAIN)
    assert fact is None or (bool(fact.problem), fact.who, fact.known_by) == (is_refused, "ana", "token 1")


def test_a_stranger_may_nothing():
    assert all(refusal(STRANGER, wanted(action)) for action in Action)


@given(ROLES, st.dictionaries(st.sampled_from(list(Role)), st.sets(st.sampled_from(["ana", "ben"]))))
def test_a_role_that_the_policy_names_people_for_is_theirs_only(roles, people):
    kept = bounded(Asker(name="ana", known_by="token 1", roles=roles), people).roles
    assert kept == {role for role in roles if role not in people or "ana" in people[role]}


def test_whoever_speaks_for_somebody_says_so_with_their_own_name():
    assert [signature("ana", said) for said in ("", "ana", "ben")] == ["ana", "ana", "ben, says ana"]
