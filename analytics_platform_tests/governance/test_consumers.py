"""Consumers: who is concerned by a change or by a version's end, and clear errors for the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.consumers import (
    Consumer,
    concerned,
    consumers_of,
    consumers_text,
    parse_consumers,
)

FRAUD = Consumer(name="fraud", owner="team:fraud", reads="bids-value", columns=("price",), version=1)
BI = Consumer(name="bi", owner="team:bi", reads="hot_items", columns=("auction",))
ALL = Consumer(name="all", owner="team:all", reads="bids")
NAMES = st.text("abcdefgh-_:.", min_size=1, max_size=8)
CONSUMERS = st.builds(
    Consumer,
    name=NAMES,
    owner=NAMES,
    reads=NAMES,
    columns=st.lists(NAMES, max_size=3).map(tuple),
    version=st.one_of(st.none(), st.integers(1, 9)),
    groups=st.lists(NAMES, max_size=2).map(tuple),
)


def test_exactly_those_are_concerned_who_read_what_changes():
    assert concerned([FRAUD, BI, ALL], "bids-value", {"price"}, []) == [FRAUD, ALL]
    assert concerned([FRAUD, BI, ALL], "bids-value", {"auction"}, ["hot_items.auction"]) == [BI, ALL]
    assert concerned([FRAUD, BI, ALL], "bids-value", {"channel"}, ["hot_items.bids"]) == [ALL]
    assert concerned([FRAUD, BI, ALL], "auctions-value", {"price"}, []) == []


def test_a_version_is_read_by_who_names_it_or_none():
    assert consumers_of([FRAUD, BI, ALL], "bids-value", 1) == [FRAUD, ALL]
    assert consumers_of([FRAUD, BI, ALL], "bids-value", 2) == [ALL]


@given(st.lists(CONSUMERS, max_size=5, unique_by=lambda each: each.name))
def test_what_is_written_is_read(consumers):
    assert parse_consumers(consumers_text(consumers)) == sorted(consumers, key=lambda each: each.name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "no YAML"),
        ("{}", "no list `consumers`"),
        ("consumers: [x]", "consumer 1: lacks its name"),
        ("consumers: [{name: a, owner: b}]", "lacks its name"),
        ("consumers: [{name: a, owner: b, reads: c, version: 0}]", "version is 0"),
        ("consumers: [{name: a, owner: b, reads: c, columns: d}]", "columns are 'd'"),
        ("consumers: [{name: a, owner: b, reads: c}, {name: a, owner: b, reads: d}]", "a stands twice"),
    ],
)
def test_what_is_wrong_is_named(text, says):
    with pytest.raises(DeclarationError, match=says):
        parse_consumers(text)
