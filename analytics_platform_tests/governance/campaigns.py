"""Whole ways from a proposal to the attempt to publish it, rightly or not: what hypothesis draws."""

from enum import Enum
from typing import NamedTuple

from hypothesis import strategies as st

from analytics_platform_tests.governance.policies import CONTENTS, PEOPLE, Content


class Way(Enum):
    """How a vote comes about."""

    BY_ACT = "by ap schema approve"
    OWN_HAND = "a file that they committed"
    TAKEN_BACK = "by ap schema approve, then withdrawn, and its file put back"
    FORGED = "a file in no commit"
    FOREIGN_HAND = "a file that somebody else committed"


class Campaign(NamedTuple):
    """How a change is brought to its publication."""

    content: Content
    author: str | None
    denies: str | None  # who the proposal's file is made to say wrote it
    votes: list[tuple[str, str | None, Way]]
    glass: str | None
    edited: Content | None  # what the draft is made into after the votes
    hours: int  # that pass before the attempt


people, contents = st.sampled_from(sorted(PEOPLE)), st.sampled_from(CONTENTS)
WAYS = st.sampled_from([Way.BY_ACT, Way.BY_ACT, Way.OWN_HAND, Way.TAKEN_BACK, Way.FORGED, Way.FOREIGN_HAND])
SEATS = st.sampled_from([None, None, None, "dora", "ana"])
CAMPAIGNS = st.builds(
    Campaign,
    content=contents,
    author=st.sampled_from([None, *sorted(PEOPLE)]),
    denies=st.sampled_from([None, None, None, *sorted(PEOPLE)]),
    votes=st.lists(st.tuples(people, SEATS, WAYS), max_size=4, unique_by=lambda vote: vote[:2]),
    glass=st.sampled_from([None, None, None, *sorted(PEOPLE)]),
    edited=st.one_of(st.none(), st.none(), contents),
    hours=st.sampled_from([-3, 0, 0, 0, 1, 5, 30, 60, 130]),
)
