import pytest
import yaml

from analytics_platform.security.access_file import DeclaredTopic, Shows, parse_access
from analytics_platform.security.access_wanted import Principal, wanted_principals, wanted_topics
from analytics_platform.security.acl import CLUSTER, Grant, Kind, Operation, Pattern, Resource, topic_named
from analytics_platform.security.strimzi import as_yaml, grants_of, topic_resource, user_resource
from analytics_platform_tests.security.test_access_file import ORDERS, TEXT

FILE = parse_access(TEXT)
PRINCIPALS = {each.name: each for each in wanted_principals(ORDERS, FILE)}


@pytest.mark.parametrize("name", sorted(PRINCIPALS))
def test_a_user_grants_the_same_set_as_the_acls(name):
    (written,) = yaml.safe_load_all(as_yaml([user_resource(PRINCIPALS[name], "our-kafka")]))
    assert grants_of(written) == PRINCIPALS[name].grants


def test_a_user_shows_what_its_principal_shows_and_has_its_quotas():
    ana = user_resource(PRINCIPALS["ana"], "our-kafka")
    assert ana["spec"]["authentication"] == {"type": "scram-sha-512"}
    assert ana["spec"]["quotas"] == {"consumerByteRate": 1_000_000, "producerByteRate": 1}
    assert user_resource(PRINCIPALS["web-shop"], "our-kafka")["spec"]["authentication"] == {"type": "tls"}
    assert ana["metadata"] == {"name": "ana", "labels": {"strimzi.io/cluster": "our-kafka"}}


def test_each_kind_of_resource_is_written_as_strimzi_writes_it():
    grants = {
        Grant(Operation.READ, topic_named("a")),
        Grant(Operation.WRITE, topic_named("a")),
        Grant(Operation.READ, Resource(Kind.GROUP, "g-", Pattern.PREFIXED)),
        Grant(Operation.WRITE, Resource(Kind.TRANSACTIONAL_ID, "t")),
        Grant(Operation.ALTER, CLUSTER),
    }
    user = user_resource(Principal(name="x", shows=Shows.PASSWORD, grants=frozenset(grants)), "c")
    assert user["spec"]["authorization"]["acls"] == [
        {"resource": {"type": "cluster"}, "operations": ["Alter"]},
        {"resource": {"type": "group", "name": "g-", "patternType": "prefix"}, "operations": ["Read"]},
        {"resource": {"type": "topic", "name": "a", "patternType": "literal"}, "operations": ["Read", "Write"]},
        {"resource": {"type": "transactionalId", "name": "t", "patternType": "literal"}, "operations": ["Write"]},
    ]


def test_a_topic_says_what_is_declared_and_nothing_else():
    topics = wanted_topics(ORDERS, FILE)
    assert topic_resource("clicks", topics["clicks"], "c")["spec"] == {"partitions": 2}
    assert topic_resource("shop.orders.dead", topics["shop.orders.dead"], "c")["spec"] == {
        "partitions": 4,
        "replicas": 3,
        "config": {"min.insync.replicas": "2", "retention.ms": "604800000"},
    }


def test_topics_that_kubernetes_cannot_name_get_a_name_of_their_own():
    names = ["Orders", "orders_", "orders.", "_"]
    written = [topic_resource(name, DeclaredTopic(partitions=1), "c") for name in names]
    assert [each["spec"]["topicName"] for each in written] == names
    assert len({each["metadata"]["name"] for each in written} | {"orders"}) == len(names) + 1
