"""What is tried on Kafka for the access matrix, one operation each, for real: each raises AclMissingError if denied."""

from uuid import uuid4

from kafka.protocol.admin import (
    AlterClientQuotasRequest,
    CreateAclsRequest,
    CreateTopicsRequest,
    DeleteAclsRequest,
    IncrementalAlterConfigsRequest,
)
from kafka.protocol.consumer.group import JoinGroupRequest, LeaveGroupRequest
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import InitProducerIdRequest

from analytics_platform.errors import TopicMissingError
from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.kafka.access_read import found_acls
from analytics_platform.ingest.kafka.acl_codes import creation_of, filter_of
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.kafka.groups import committed_topics
from analytics_platform.ingest.kafka.produce import BulkProducer
from analytics_platform.security.acl import CLUSTER, Acl, Grant, Kind, Operation, Resource, topic_named
from analytics_platform_tests.ingest.test_produce import blocks_of

SECONDS = 10.0
GROUP, TRANSACTION = 0, 1  # kinds of coordinators
TOPIC = 2
READ_BY_GROUP = {"bids", "persons"}


def read(client: Client, name: str) -> None:
    """The first record of a topic that holds some."""
    with KafkaReader(client.cluster, patience_seconds=SECONDS) as reader:
        found = reader.offsets([name])[name][0]
        wanted = OffsetRange(topic_id=found.topic_id, partition=0, start=found.first, end=found.first + 1)
        if sum(table.num_rows for table in reader.fetch(name, [wanted])) != 1:
            raise AssertionError(f"{name} is empty")


def write(client: Client, name: str) -> None:
    """One record, acknowledged."""
    with BulkProducer(client.cluster, patience_seconds=SECONDS) as producer:
        producer.send({(name, 0): blocks_of([b"{}"])})


def describe(client: Client, name: str) -> None:
    """Ask for a topic that there is not: who may know that is told so."""
    try:
        client.topics([name])
    except TopicMissingError:
        return
    raise AssertionError(f"{name} is there")


def create(client: Client, name: str) -> None:
    """A new topic whose name begins so."""
    topic = CreateTopicsRequest.CreatableTopic(
        name=f"{name}-{uuid4().hex[:8]}", num_partitions=1, replication_factor=1, assignments=[], configs=[]
    )
    request = CreateTopicsRequest(topics=[topic], timeout_ms=9_000, validate_only=False, min_version=4)
    for each in client.send(request, seconds=SECONDS).wait(SECONDS).topics:
        client.check(each.error_code, Grant(Operation.CREATE, topic_named(each.name)))


def join(client: Client, name: str) -> None:
    """Become the member of a group, and leave it."""
    needed = Grant(Operation.READ, Resource(Kind.GROUP, name))
    node = _coordinator(client, name, GROUP, needed)
    protocol = JoinGroupRequest.JoinGroupRequestProtocol(name="range", metadata=b"")
    request = JoinGroupRequest(
        group_id=name,
        session_timeout_ms=6_000,
        rebalance_timeout_ms=6_000,
        member_id="",
        protocol_type="consumer",
        protocols=[protocol],
        max_version=3,  # later ones take two rounds
    )
    joined = client.send(request, node, seconds=SECONDS).wait(SECONDS)
    client.check(joined.error_code, needed)
    left = LeaveGroupRequest(group_id=name, member_id=joined.member_id, max_version=2)
    client.check(client.send(left, node).wait(SECONDS).error_code, needed)


def transact(client: Client, name: str) -> None:
    """Begin as the producer of a transactional id."""
    needed = Grant(Operation.WRITE, Resource(Kind.TRANSACTIONAL_ID, name))
    node = _coordinator(client, name, TRANSACTION, needed)
    request = InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=10_000, max_version=4)
    client.check(client.send(request, node).wait(SECONDS).error_code, needed)


def see_groups(client: Client, name: str) -> None:
    """Every group that has committed offsets, that one with its topics among them."""
    found = committed_topics(client.cluster).get(name, set())
    if found != READ_BY_GROUP:
        raise AssertionError(f"{name} is seen on {found}")


def see_acls(client: Client, _: str) -> None:
    """Every ACL."""
    if not found_acls(client):
        raise AssertionError("no ACL is seen")


def alter_acls(client: Client, name: str) -> None:
    """Make an ACL, and take it away."""
    acl, needed = Acl("User:nobody", topic_named(name), Operation.READ), Grant(Operation.ALTER, CLUSTER)
    creating, deleting = CreateAclsRequest(creations=[creation_of(acl)]), DeleteAclsRequest(filters=[filter_of(acl)])
    for made in client.send(creating).wait(SECONDS).results:
        client.check(made.error_code, needed)
    for gone in client.send(deleting).wait(SECONDS).filter_results:
        client.check(gone.error_code, needed)


def alter_topic(client: Client, name: str) -> None:
    """Set what is set already."""
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource
    entry = resource.AlterableConfig(name="cleanup.policy", config_operation=0, value="delete")
    wanted = resource(resource_type=TOPIC, resource_name=name, configs=[entry])
    request = IncrementalAlterConfigsRequest(resources=[wanted], validate_only=False)
    for each in client.send(request).wait(SECONDS).responses:
        client.check(each.error_code, Grant(Operation.ALTER_CONFIGS, topic_named(name)))


def alter_quota(client: Client, name: str) -> None:
    """Give somebody a quota, and take it away."""
    entry = AlterClientQuotasRequest.EntryData
    for removes in (False, True):
        operation = entry.OpData(key="producer_byte_rate", value=1e9, remove=removes)
        given = entry(entity=[entry.EntityData(entity_type="user", entity_name=name)], ops=[operation])
        request = AlterClientQuotasRequest(entries=[given], validate_only=False)
        for each in client.send(request).wait(SECONDS).entries:
            client.check(each.error_code, Grant(Operation.ALTER_CONFIGS, CLUSTER))


def _coordinator(client: Client, name: str, kind: int, needed: Grant) -> int:
    def find() -> int:
        found = client.send(FindCoordinatorRequest(key=name, key_type=kind, max_version=3)).wait(SECONDS)
        client.check(found.error_code, needed)
        return found.node_id

    client.brokers()  # so that it knows the coordinator's address
    return client.patiently(find, SECONDS)
