"""Against a real broker that asks everybody who they are."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from kafka.admin import ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourceType

from analytics_platform.errors import AclMissingError, KafkaDeniedError, NoAuthorizerError
from analytics_platform.ingest.kafka.access_read import found_acls, found_state
from analytics_platform.ingest.kafka.access_write import apply
from analytics_platform.ingest.kafka.acl_codes import KINDS, OPERATIONS, PATTERNS, PERMISSIONS
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.kafka.groups import committed_topics
from analytics_platform.ingest.kafka.produce import BulkProducer
from analytics_platform.security.access import (
    Difference,
    Layout,
    Password,
    Quota,
    State,
    Topic,
    TopicConfig,
    TopicLayout,
)
from analytics_platform.security.acl import (
    CLUSTER,
    Acl,
    Grant,
    Kind,
    Operation,
    Pattern,
    Permission,
    Resource,
    topic_named,
    user_named,
)
from analytics_platform.security.certificate_files import Holder
from analytics_platform.security.parts import ADMINISTRATION
from analytics_platform_tests.ingest.test_produce import blocks_of
from analytics_platform_tests.secured import SecuredKafka

SECONDS = 5.0  # in which a refusal is said


@contextmanager
def connected(secured: SecuredKafka, name: str) -> Generator[Client]:
    client = Client(secured.shown(name))
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def broker(secured: SecuredKafka) -> Generator[Client]:
    """The super user."""
    with connected(secured, "broker") as client:
        yield client


@pytest.fixture
def somebody(secured: SecuredKafka) -> str:
    """Somebody new, with a certificate and no rights."""
    name = f"somebody-{uuid4().hex[:8]}"
    secured.certificates.provide([Holder(name)], datetime.now(UTC))
    return name


def bring(client: Client, wanted: dict) -> None:
    apply(client, [Difference(item=i, wanted=v, found=None) for i, v in wanted.items()], wanted, lambda _: "pw")


def take_away(client: Client, found: dict) -> None:
    apply(client, [Difference(item=i, wanted=None, found=v) for i, v in found.items()], {}, lambda _: "pw")


def granted(client: Client, name: str, *grants: Grant) -> None:
    bring(client, {Acl(user_named(name), grant.resource, grant.operation): "" for grant in grants})


def test_the_numbers_are_those_of_kafkas_own_client():
    assert {str(word).upper(): code for word, code in KINDS.items()} == {
        kind.name.replace("_", ""): kind.value for kind in ResourceType if kind.value > 1
    }
    theirs = {each.name.replace("_", ""): each.value for each in ACLOperation if each.value > 1}
    assert {str(word).upper(): code for word, code in OPERATIONS.items()} == {**theirs, "TWOPHASECOMMIT": 15}
    assert {str(word).upper(): code for word, code in PERMISSIONS.items()} == {
        each.name: each.value for each in ACLPermissionType if each.value > 1
    }
    assert {str(word).upper(): code for word, code in PATTERNS.items()} == {
        each.name: each.value for each in ACLResourcePatternType if each.value > 2
    }


def test_what_is_applied_is_there_at_once_and_what_is_taken_away_is_gone(broker: Client, topic):
    name, who = topic(), f"who-{uuid4().hex[:8]}"
    things = {
        Topic(name): "",
        TopicConfig(name, "retention.ms"): "86400000",
        Password(who): "",
        Quota((("user", who),), "consumer_byte_rate"): "1000000",
        Acl(user_named(who), topic_named(name), Operation.READ): "",
        Acl(user_named(who), Resource(Kind.GROUP, f"{who}-", Pattern.PREFIXED), Operation.READ): "",
        Acl(user_named(who), Resource(Kind.TRANSACTIONAL_ID, who), Operation.WRITE): "",
        Acl(user_named(who), CLUSTER, Operation.DESCRIBE): "",
        Acl(user_named(who), topic_named(name), Operation.WRITE, Permission.DENY, "127.0.0.1"): "",
    }
    before = found_state(broker, [])
    bring(broker, things)
    assert things.items() <= found_state(broker, []).items()

    take_away(broker, {item: value for item, value in things.items() if not isinstance(item, Topic)})
    assert found_state(broker, []).keys() - before.keys() == {
        Topic(name),
        TopicLayout(name, Layout.PARTITIONS),
        TopicLayout(name, Layout.REPLICAS),
    }


def test_a_topic_is_made_with_all_that_is_wanted_of_it(broker: Client, topic):
    name = topic()
    wanted: State = {
        TopicLayout(name, Layout.PARTITIONS): "3",
        TopicConfig(name, "retention.ms"): "1000",
        Topic(name): "",
    }
    apply(broker, [Difference(item=Topic(name), wanted="", found=None)], wanted, lambda _: "")

    found = found_state(broker, wanted)
    assert {item: found[item] for item in wanted} == wanted


def test_what_the_cluster_will_not_have_is_refused_with_its_reason(broker: Client, topic):
    name = topic()
    wanted: State = {Topic(name): "", TopicConfig(name, "retention.ms"): "soon"}
    with pytest.raises(KafkaDeniedError, match=f"Topic {name}.*InvalidConfiguration.*soon"):
        apply(broker, [Difference(item=Topic(name), wanted="", found=None)], wanted, lambda _: "")


def test_a_password_opens_the_door_once_it_is_applied(broker: Client, secured: SecuredKafka, topic, tmp_path):
    name, who = topic(), f"who-{uuid4().hex[:8]}"
    (tmp_path / who).write_text("pw")
    reads = Acl(user_named(who), topic_named(name), Operation.READ)
    bring(broker, {Topic(name): "", Password(who): "", reads: ""})
    client = Client(secured.known(who, tmp_path / who))
    assert list(client.topics([name])) == [name]
    client.close()


def test_who_administers_needs_no_more_than_the_part_admin_has(broker: Client, secured: SecuredKafka, topic, somebody):
    granted(broker, somebody, *ADMINISTRATION)
    name, who = topic(), f"who-{uuid4().hex[:8]}"
    things = {
        Topic(name): "",
        Password(who): "",
        Quota((("user", who),), "producer_byte_rate"): "5",
        Acl(user_named(who), topic_named(name), Operation.READ): "",
    }
    with connected(secured, somebody) as admin:
        bring(admin, things)
        bring(admin, {TopicConfig(name, "retention.ms"): "5000"})
        take_away(admin, {item: value for item, value in things.items() if not isinstance(item, Topic)})
        with KafkaReader(secured.shown(somebody)) as reader, pytest.raises(AclMissingError, match=f"Read Topic {name}"):
            reader.wait_for_data({name: {0: 0}}, 2)


@pytest.mark.parametrize(
    ("does", "needed"),
    [
        (lambda client, name: client.topics([name]), "Describe Topic {name}"),
        (lambda client, name: found_acls(client), "Describe Cluster"),
        (lambda client, name: bring(client, {Topic(name + "-new"): ""}), "Create Topic {name}-new"),
        (lambda client, name: bring(client, {TopicConfig(name, "retention.ms"): "1"}), "AlterConfigs Topic {name}"),
        (lambda client, name: bring(client, {Password("x"): ""}), "Alter Cluster"),
        (lambda client, name: bring(client, {Quota((("user", "x"),), "producer_byte_rate"): "1"}), "AlterConfigs Clu"),
        (lambda client, name: granted(client, "x", Grant(Operation.ALTER, CLUSTER)), "Alter Cluster"),
        (lambda client, name: take_away(client, {Acl("User:x", CLUSTER, Operation.ALTER): ""}), "Alter Cluster"),
        (lambda client, name: committed_topics(client.cluster), "Describe Group *"),
        (lambda client, name: read(client, name), "Describe Topic {name}"),
        (lambda client, name: write(client, name), "Write Topic {name}"),
    ],
)
def test_who_may_do_nothing_is_told_so_in_seconds(broker: Client, secured, topic, somebody, does, needed):
    name = topic()
    bring(broker, {Topic(name): ""})
    began = time.monotonic()
    with connected(secured, somebody) as client, pytest.raises(AclMissingError) as caught:
        does(client, name)
    assert f"User:{somebody} may not {needed.format(name=name)}" in str(caught.value)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    ("does", "needed"),
    [
        (lambda client, name: read(client, name), Operation.READ),
        (lambda client, name: write(client, name), Operation.WRITE),
    ],
)
def test_who_may_only_describe_is_told_what_else_it_takes(broker: Client, secured, topic, somebody, does, needed):
    name = topic()
    bring(broker, {Topic(name): ""})
    granted(broker, somebody, Grant(Operation.DESCRIBE, topic_named(name)))
    began = time.monotonic()
    with connected(secured, somebody) as client, pytest.raises(AclMissingError, match=f"{needed} Topic {name}"):
        does(client, name)
    assert time.monotonic() - began < SECONDS


def test_who_may_write_elsewhere_is_told_where_not(broker: Client, secured, topic, somebody):
    name, elsewhere = topic(), topic()
    bring(broker, {Topic(name): "", Topic(elsewhere): ""})
    granted(broker, somebody, Grant(Operation.WRITE, topic_named(elsewhere)))
    granted(broker, somebody, Grant(Operation.DESCRIBE, topic_named(name)))
    with connected(secured, somebody) as client:
        write(client, elsewhere)
        with pytest.raises(AclMissingError, match=f"User:{somebody} may not Write Topic {name}"):
            write(client, name)


def test_who_may_see_some_topics_is_not_told_that_others_are_missing(broker: Client, secured, topic, somebody):
    name = topic()
    bring(broker, {Topic(name): ""})
    granted(broker, somebody, Grant(Operation.DESCRIBE, topic_named(name)), Grant(Operation.DESCRIBE, CLUSTER))
    with connected(secured, somebody) as client, pytest.raises(AclMissingError, match=r"Describe Topic \*"):
        found_state(client, [])


def test_who_may_see_some_groups_is_not_told_that_there_are_no_others(broker: Client, secured, somebody):
    granted(broker, somebody, Grant(Operation.DESCRIBE, Resource(Kind.GROUP, "mine-", Pattern.PREFIXED)))
    with pytest.raises(AclMissingError, match=r"Describe Group \*"):
        committed_topics(secured.shown(somebody))


def test_a_broker_that_asks_nobody_is_named(kafka):
    client = Client(kafka.bootstrap)
    with pytest.raises(NoAuthorizerError, match=r"authorizer\.class\.name"):
        found_acls(client)
    client.close()


def read(client: Client, name: str) -> None:
    with KafkaReader(client.cluster) as reader:
        reader.offsets([name])
        reader.wait_for_data({name: {0: 0}}, 3)


def write(client: Client, name: str) -> None:
    with BulkProducer(client.cluster) as producer:
        producer.send({(name, 0): blocks_of([b"{}"])})
