import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.security.access import (
    Difference,
    Layout,
    Password,
    Quota,
    Topic,
    TopicConfig,
    TopicLayout,
    Unmanaged,
    differences,
)
from analytics_platform.security.acl import Acl, Operation, topic_named, user_named

NOTHING_ELSE = Unmanaged()
READS = Acl(user_named("ana"), topic_named("bids"), Operation.READ)
BIDS = {Topic("bids"): "", TopicLayout("bids", Layout.PARTITIONS): "4", TopicConfig("bids", "retention.ms"): "1"}
NAMES = st.sampled_from(["a", "b", "c"])
ITEMS = st.one_of(
    NAMES.map(Topic),
    st.builds(TopicLayout, NAMES, st.sampled_from(Layout)),
    st.builds(TopicConfig, NAMES, st.sampled_from(["x", "y"])),
    st.builds(Password, NAMES),
    st.builds(Quota, NAMES.map(lambda name: (("user", name),)), st.just("k")),
    st.builds(Acl, NAMES.map(user_named), NAMES.map(topic_named), st.sampled_from(Operation)),
)
STATES = st.dictionaries(ITEMS, st.sampled_from(["", "1", "2"]), max_size=12)


def said(wanted, found, unmanaged=NOTHING_ELSE) -> list[str]:
    return [str(each) for each in differences(wanted, found, unmanaged)]


@given(STATES)
def test_a_state_does_not_differ_from_itself(state):
    assert differences(state, state, NOTHING_ELSE) == []


@given(STATES, STATES, st.randoms())
def test_the_order_is_that_of_the_items_whatever_the_states_order(wanted, found, random):
    shuffled = list(wanted.items())
    random.shuffle(shuffled)
    assert said(wanted, found) == said(dict(shuffled), dict(reversed(found.items())))


@given(STATES, STATES)
def test_what_is_extra_one_way_is_missing_the_other_way(wanted, found):
    def with_whole_layouts(state):  # a layout that is not wanted is nobody's business, either way
        return {item: value for item, value in state.items() if not isinstance(item, TopicLayout)}

    wanted, found = with_whole_layouts(wanted), with_whole_layouts(found)
    there, back = differences(wanted, found, NOTHING_ELSE), differences(found, wanted, NOTHING_ELSE)
    assert [(each.item, each.wanted, each.found) for each in there] == [
        (each.item, each.found, each.wanted) for each in back
    ]


def test_a_missing_topic_is_one_difference_with_all_that_comes_with_it():
    assert said(BIDS, {}) == ["missing: topic bids"]


def test_each_way_to_differ_is_named():
    wanted = {**BIDS, READS: "", Quota((("user", "ana"),), "producer_byte_rate"): "10", Password("ana"): ""}
    found = {
        **BIDS,
        TopicLayout("bids", Layout.PARTITIONS): "6",
        TopicConfig("bids", "retention.ms"): "2",
        TopicConfig("bids", "cleanup.policy"): "compact",
        Quota((("user", "ana"),), "producer_byte_rate"): "20",
        Acl(user_named("mallory"), topic_named("*"), Operation.ALL): "",
        Topic("left-over"): "",
    }
    assert said(wanted, found) == [
        "extra: topic left-over",
        "different: topic bids: partitions is 6, is to be 4",
        "extra: topic bids: cleanup.policy = compact",
        "different: topic bids: retention.ms is 2, is to be 1",
        "missing: password of ana for SCRAM-SHA-512",
        "different: quota of user ana: producer_byte_rate is 20, is to be 10",
        "missing: User:ana may Read Topic bids",
        "extra: User:mallory may All Topic *",
    ]


def test_partitions_that_are_not_declared_are_left_to_whoever_made_the_topic():
    assert said({Topic("bids"): ""}, {Topic("bids"): "", TopicLayout("bids", Layout.REPLICAS): "3"}) == []


def test_what_is_somebody_elses_is_neither_missing_nor_extra():
    found = {
        Topic("payments"): "",
        Topic("payroll-2026"): "",
        TopicConfig("payments", "retention.ms"): "1",
        Password("pay-clerk"): "",
        Quota((("user", "pay-clerk"), ("client-id", "x")), "k"): "1",
        Acl(user_named("pay-clerk"), topic_named("payments"), Operation.READ): "",
    }
    ours = Unmanaged(principals=frozenset({"pay-*"}), topics=frozenset({"payments", "payroll-*"}))
    assert said({}, found, ours) == []
    assert len(said({}, found)) == 5  # the setting of an extra topic goes with it


@pytest.mark.parametrize(
    ("difference", "without", "with_remove"),
    [
        (Difference(item=READS, wanted="", found=None), True, True),
        (Difference(item=READS, wanted=None, found=""), False, True),
        (Difference(item=Topic("a"), wanted="", found=None), True, True),
        (Difference(item=Topic("a"), wanted=None, found=""), False, False),
        (Difference(item=TopicLayout("a", Layout.PARTITIONS), wanted="1", found="2"), False, False),
        (Difference(item=Password("a"), wanted="", found=None), False, False),
        (Difference(item=Password("a"), wanted=None, found=""), False, True),
    ],
)
def test_only_what_harms_nobody_is_applied_and_records_are_never_deleted(difference, without, with_remove):
    assert difference.is_applicable(removes=False, has_passwords=False) is without
    assert difference.is_applicable(removes=True, has_passwords=False) is with_remove
    assert difference.remedy
