import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import DeclarationError
from analytics_platform.product import Stream
from analytics_platform.products import catalog
from analytics_platform.security.access import Layout, Password, Quota, Topic, TopicConfig, TopicLayout
from analytics_platform.security.access_file import ACCESS_FILE, AccessFile, Shows, parse_access
from analytics_platform.security.access_wanted import wanted_principals, wanted_state
from analytics_platform.security.acl import Acl, Grant, Kind, Operation, Pattern, Resource, topic_named, user_named
from analytics_platform.settings import ROOT

ORDERS = catalog_of(
    [
        Stream(
            name="orders",
            topic="shop.orders",
            pipeline="shop",
            description="",
            owner="team:shop",
            partitions=4,
            dead_letters="shop.orders.dead",
        )
    ]
)
TEXT = """\
topics:
  "*": {replicas: 3, config: {retention.ms: 604800000, min.insync.replicas: 2}}
  shop.orders: {config: {retention.ms: -1, unclean.leader.election.enable: false}}
  clicks: {partitions: 2}
quotas: {request_percent: 50}
principals:
  web-shop:
    about: takes orders
    owner: team:shop
    shows: certificate
    writes: [shop.orders]
    transactions: [web-shop-*]
  ana:
    about: asks why
    owner: user:ana
    shows: password
    like: operator
    reads: [clicks]
    groups: [ana, ana-*]
    quotas: {produce_bytes: 1, consume_bytes: 1000000}
unmanaged: {principals: [payments], topics: [payments-*]}
"""
WANTED = wanted_state(ORDERS, parse_access(TEXT))


def acls_of(name: str) -> set[Grant]:
    return {Grant(i.operation, i.resource) for i in WANTED if isinstance(i, Acl) and i.principal == user_named(name)}


def test_topics_follow_from_the_streams_and_their_dead_letters_and_from_the_file():
    assert {item.name for item in WANTED if isinstance(item, Topic)} == {"shop.orders", "shop.orders.dead", "clicks"}


def test_the_closest_entry_says_how_a_topic_is_kept():
    said = {(i.topic, i.key): v for i, v in WANTED.items() if isinstance(i, TopicConfig)}
    assert said == {
        ("shop.orders", "retention.ms"): "-1",
        ("shop.orders", "min.insync.replicas"): "2",
        ("shop.orders", "unclean.leader.election.enable"): "false",
        ("shop.orders.dead", "retention.ms"): "604800000",
        ("shop.orders.dead", "min.insync.replicas"): "2",
    }
    assert WANTED[TopicLayout("shop.orders", Layout.PARTITIONS)] == "4"
    assert WANTED[TopicLayout("shop.orders.dead", Layout.REPLICAS)] == "3"
    assert TopicLayout("clicks", Layout.REPLICAS) not in WANTED


def test_who_writes_may_write_and_nothing_else():
    assert acls_of("web-shop") == {
        Grant(Operation.WRITE, topic_named("shop.orders")),
        Grant(Operation.WRITE, Resource(Kind.TRANSACTIONAL_ID, "web-shop-", Pattern.PREFIXED)),
    }


def test_who_is_like_a_part_may_do_what_it_may_and_their_own():
    assert acls_of("ana") == acls_of("operator") | {
        Grant(Operation.READ, topic_named("clicks")),
        Grant(Operation.READ, Resource(Kind.GROUP, "ana")),
        Grant(Operation.READ, Resource(Kind.GROUP, "ana-", Pattern.PREFIXED)),
    }


def test_only_who_shows_a_password_has_one():
    assert {item for item in WANTED if isinstance(item, Password)} == {Password("ana")}


def test_quotas_are_spelt_as_kafka_spells_them_and_may_be_everybodys():
    assert {item: v for item, v in WANTED.items() if isinstance(item, Quota)} == {
        Quota((("user", "ana"),), "producer_byte_rate"): "1",
        Quota((("user", "ana"),), "consumer_byte_rate"): "1000000",
        Quota((("user", "<default>"),), "request_percentage"): "50",
    }


def test_without_a_file_only_the_parts_may_do_something():
    names = {principal.name for principal in wanted_principals(ORDERS, parse_access(None))}
    assert names == {"admin", "planner", "worker", "dead-letters", "watcher", "operator", "sampler"}


def test_an_empty_file_says_nothing():
    assert parse_access("# nothing yet\n") == AccessFile()


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ("writes: [shop", "wirtes: [shop", 11, "did you mean `writes`?"),
        ("reads: [clicks]", "reads: [click]", 13, "names topic click, which nothing declares; did you mean `clicks`?"),
        ("clicks: {partitions: 2}", "clicks: {}", 4, "give it `partitions` under `topics`"),
        ("shows: password", "shows: passwort", 16, "did you mean `password`?"),
        ("like: operator", "like: root", 17, "one of admin, operator"),
        ("owner: team:shop", "owner: shop", 9, "write team:… or user:…"),
        ("  web-shop:", "  Web Shop:", 7, "write lower case letters"),
        ("  web-shop:", "  planner:", 7, "is a part of the platform"),
        ("principals: [payments]", "principals: [an*]", 13, "is `unmanaged` as well"),
        ("consume_bytes: 1000000", "consume_bytes: 1 MB", 20, "write an integer"),
        ("produce_bytes: 1,", "produce_bytes: 0,", 20, "write 1 or more"),
        ("groups: [ana, ana-*]", "groups: ['*ana']", 19, "and * at the end"),
        ("about: takes orders", "about: ''", 8, "what it is, in a line"),
        ("topics: [payments-*]", "topics: payments-*", 21, "write a list of names"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_to_do(right, wrong, line, said):
    assert right in TEXT
    with pytest.raises(DeclarationError) as caught:
        wanted_state(ORDERS, parse_access(TEXT.replace(right, wrong, 1)))
    assert f"{ACCESS_FILE}, line {line}" in str(caught.value)
    assert said in str(caught.value)


@given(st.text(max_size=300))
def test_no_text_whatever_is_more_than_a_declaration_error(text):
    try:
        parse_access(text)
    except DeclarationError as error:
        assert "line" in str(error)


def test_the_file_in_the_tree_is_right_and_its_producer_is_no_part():
    text = (ROOT / ACCESS_FILE).read_text() if (ROOT / ACCESS_FILE).exists() else None
    for principal in wanted_principals(catalog(), parse_access(text)):
        assert principal.grants
        assert principal.shows in Shows
