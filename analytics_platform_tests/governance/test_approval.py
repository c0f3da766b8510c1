"""Which votes count: for the exact change, while they last, one by seat and person, never the author's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.governance.approval import ANYBODY, Approval, BrokenGlass, Proposal, standing
from analytics_platform.governance.change import Change, ChangeClass
from analytics_platform.governance.policy import Need
from analytics_platform.governance.policy_file import parse_policy

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
POLICY = parse_policy("""
people: {ana: {}, ben: {}, cem: {}, dora: {}}
groups: {board: [ben, cem, dora], "team:r": [ana, ben], steward: [dora]}
approvals_last_days: 5
break_glass: {roles: [board], hours: 4}
delegations: [{from: dora, to: ana, since: 2026-05-31, until: 2026-06-02}]
exceptions: [{subjects: "x-*", changes: [compatible], approve: automatic, until: 2026-06-02, reason: a move}]
rules:
  - {subjects: "*", changes: [breaking], approve: [{role: board, quorum: 2}]}
  - {subjects: "*", changes: [personal-data], approve: [owner, steward]}
  - {subjects: "*", changes: [compatible], approve: [owner]}
  - {subjects: "*", changes: [documentation], approve: automatic}
  - {subjects: "*", changes: [lake-breaking], approve: refused}
""")
COMPATIBLE = Change(subject="r", base="a", text="b", classes=frozenset({ChangeClass.COMPATIBLE}))
BREAKING = replace(COMPATIBLE, classes=frozenset({ChangeClass.BREAKING}))
PERSONAL = replace(COMPATIBLE, classes=frozenset({ChangeClass.PERSONAL_DATA}))


def proposal(change=COMPATIBLE, authors=("zoe",), is_signed=True):
    return Proposal(change=change, owner="team:r", authors=frozenset(authors), is_signed=is_signed)


def vote(by, change=COMPATIBLE, seat=None, at=NOW):
    return Approval(digest=change.digest, seat=seat or by, by=by, at=at)


def missing(made, *votes, now=NOW, glass=(), policy=POLICY):
    return {need.role: need.quorum for need in standing(policy, made, votes, glass, now).missing}


@pytest.mark.parametrize(
    "other",
    [
        replace(COMPATIBLE, subject="s"),
        replace(COMPATIBLE, base="c"),
        replace(COMPATIBLE, text="c"),
        replace(COMPATIBLE, classes=frozenset({ChangeClass.COMPATIBLE, ChangeClass.BREAKING})),
    ],
)
def test_a_vote_is_for_the_exact_change(other):
    assert missing(proposal(), vote("ana")) == {}
    assert missing(proposal(), vote("ana", other)) == {"owner": 1}


def test_a_vote_counts_from_when_it_was_given_for_as_long_as_the_policy_says():
    counts = [
        not missing(proposal(), vote("ana"), now=NOW + span) for span in (-HOUR, 0 * DAY, 5 * DAY - HOUR, 5 * DAY)
    ]
    assert counts == [False, True, True, False]


def test_authors_do_not_approve_their_own_change_nor_anybody_on_their_seat():
    assert missing(proposal(authors=["ana"]), vote("ana")) == {"owner": 1}
    assert missing(proposal(PERSONAL, authors=["dora"]), vote("ana", PERSONAL, "dora"), vote("ben", PERSONAL)) == {
        "steward": 1
    }
    assert missing(proposal(authors=["ana"]), vote("ana"), policy=replace(POLICY, author_may_approve=True)) == {}


def test_a_quorum_takes_that_many_people():
    assert missing(proposal(BREAKING), vote("ben", BREAKING)) == {"board": 1}
    assert missing(proposal(BREAKING), vote("ben", BREAKING), vote("ben", BREAKING)) == {"board": 1}
    assert missing(proposal(BREAKING), vote("ben", BREAKING), vote("cem", BREAKING)) == {}
    assert missing(proposal(BREAKING), vote("ben", BREAKING), vote("ana", BREAKING)) == {"board": 1}


def test_each_class_of_a_change_is_asked_about():
    both = replace(COMPATIBLE, classes=frozenset({ChangeClass.BREAKING, ChangeClass.PERSONAL_DATA}))
    assert missing(proposal(both)) == {"board": 2, "owner": 1, "steward": 1}


def test_a_seat_that_was_lent_is_taken_while_it_is_and_nobody_sits_twice():
    lent = vote("ana", PERSONAL, "dora")
    assert missing(proposal(PERSONAL), lent, vote("ben", PERSONAL)) == {}
    assert missing(proposal(PERSONAL), lent, vote("ana", PERSONAL)) == {"steward": 1}
    late = replace(lent, at=NOW + 2 * DAY)
    assert missing(proposal(PERSONAL), late, vote("ben", PERSONAL), now=NOW + 2 * DAY) == {"steward": 1}
    assert missing(proposal(PERSONAL), vote("cem", PERSONAL, "dora"), vote("ben", PERSONAL)) == {"steward": 1}


def test_votes_are_seated_so_that_as_much_as_can_be_is_satisfied():
    both = replace(COMPATIBLE, classes=frozenset({ChangeClass.BREAKING, ChangeClass.COMPATIBLE}))
    votes = [vote(name, both) for name in ("ben", "cem", "dora")]
    assert missing(proposal(both), *votes) == {}  # ben is the owner, the others the board
    assert missing(proposal(both), *votes[:2]) in ({"owner": 1}, {"board": 1})


def test_a_change_whose_author_nobody_knows_takes_two():
    assert missing(proposal(authors=[], is_signed=False), vote("ana")) == {ANYBODY: 1}
    assert missing(proposal(authors=[], is_signed=False), vote("ana"), vote("cem")) == {ANYBODY: 1}
    assert missing(proposal(authors=[], is_signed=False), vote("ana"), vote("ben")) == {}


def test_an_exception_ends():
    change = replace(COMPATIBLE, subject="x-value")
    assert missing(proposal(change), now=NOW + DAY) == {}
    assert missing(proposal(change), now=NOW + 2 * DAY) == {"owner": 1}


def test_broken_glass_lets_this_change_through_until_it_is_over_and_only_if_they_may():
    glass = BrokenGlass(digest=COMPATIBLE.digest, by="ben", at=NOW, until=NOW + 9 * HOUR, reason="fire")

    def lets(given, made=None, hours=1, policy=POLICY):
        return standing(policy, made or proposal(), [], [given], NOW + hours * HOUR).may_publish

    assert lets(glass)
    assert not lets(glass, hours=4)  # the policy's four hours go before the nine that were asked for
    assert not lets(replace(glass, until=NOW + HOUR))
    assert not lets(glass, hours=-1)
    assert not lets(replace(glass, by="ana"))
    assert not lets(glass, proposal(BREAKING))
    assert not lets(glass, policy=replace(POLICY, break_glass=None))


def test_nothing_lets_through_what_is_refused():
    lake = replace(COMPATIBLE, classes=frozenset({ChangeClass.LAKE_BREAKING}))
    glass = BrokenGlass(digest=lake.digest, by="ben", at=NOW, until=NOW + HOUR, reason="fire")
    found = standing(POLICY, proposal(lake), [vote(name, lake) for name in ("ben", "cem", "dora")], [glass], NOW)
    assert found.refused == {ChangeClass.LAKE_BREAKING} and not found.may_publish
    assert Need(role="board") not in found.missing
