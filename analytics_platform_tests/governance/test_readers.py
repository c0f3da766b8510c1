"""Readers that nobody registered: each group on a stream's topic that no consumer of that stream uses, and no other."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.governance.consumers import Consumer
from analytics_platform.governance.readers import Unregistered, unregistered

TOPICS = {"bids": "house.bids", "auctions": "house.auctions"}
GROUPS = st.sampled_from(["fraud", "fraud-2", "bi", "x[1]", ""])
READS = st.sampled_from(["bids", "bids-value", "bids-key", "auctions", "hot_items", "house.bids"])
CONSUMERS = st.lists(
    st.builds(
        Consumer,
        name=st.sampled_from(["fraud", "bi", "all"]),
        owner=st.just("team:x"),
        reads=READS,
        groups=st.lists(st.sampled_from(["fraud*", "fraud-?", "bi", "*"]), max_size=2).map(tuple),
    ),
    max_size=3,
)
COMMITTED = st.dictionaries(GROUPS, st.sets(st.sampled_from([*TOPICS.values(), "another"])), max_size=4)


@given(CONSUMERS, COMMITTED)
def test_a_group_is_found_once_for_each_stream_unless_a_consumer_of_it_uses_it(consumers, committed):
    found = unregistered(consumers, committed, TOPICS)
    assert found == sorted(set(found))
    for stream, topic in TOPICS.items():
        readers = {group for group, topics in committed.items() if topic in topics}
        named = {each.group for each in found if each.stream == stream}
        assert named <= readers
        own = [each for each in consumers if each.reads.removesuffix("-value").removesuffix("-key") == stream]
        if not own:
            assert named == readers
        if any("*" in each.groups for each in own):
            assert not named
        for each in own:
            assert each.groups or each.name not in named


def test_a_group_is_known_by_its_consumers_name_or_by_the_patterns_that_it_names():
    committed = {group: {"house.bids"} for group in ("fraud", "fraud-2", "tool")}
    by_name = Consumer(name="fraud", owner="team:fraud", reads="bids")
    by_pattern = Consumer(name="protection", owner="team:fraud", reads="bids-value", groups=("fraud*",))
    assert [each.group for each in unregistered([by_name], committed, TOPICS)] == ["fraud-2", "tool"]
    assert unregistered([by_pattern], committed, TOPICS) == [Unregistered(stream="bids", group="tool")]
