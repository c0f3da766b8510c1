"""What a cluster has: topics with their settings, passwords, quotas and ACLs. Changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kafka import errors
from kafka.protocol.admin import (
    DescribeAclsRequest,
    DescribeClientQuotasRequest,
    DescribeConfigsRequest,
    DescribeUserScramCredentialsRequest,
)
from kafka.protocol.metadata import MetadataRequest

from analytics_platform.errors import NoAuthorizerError
from analytics_platform.ingest.kafka.acl_codes import ANY, acl_of
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.security.access import (
    DEFAULT,
    Item,
    Layout,
    Password,
    Quota,
    State,
    Topic,
    TopicConfig,
    TopicLayout,
)
from analytics_platform.security.acl import CLUSTER, EVERY, Acl, Grant, Kind, Operation, Resource

ANSWER_SECONDS = 10.0  # of a cluster with thousands of ACLs
TOPICS_AT_ONCE = 200
NO_TOPIC = "analytics-platform.nobody"  # a name that an ACL for some topics does not cover
SET_ON_TOPIC = 1  # the source of a setting: this very topic
TOPIC = 2  # the type of a resource that is configured
MECHANISMS = {1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512"}


def found_state(client: Client, wanted: Iterable[Item]) -> State:
    """All of it, but for Kafka's own topics. Settings that are wanted are told with their value wherever it is set.

    Raises AclMissingError, NoAuthorizerError, UnreachableError.
    """
    acls = found_acls(client)  # first: whoever may not see these is told so, and not that topics are missing
    found = dict(_topics(client))
    names = [item.name for item in found if isinstance(item, Topic)]
    asked = {(item.topic, item.key) for item in wanted if isinstance(item, TopicConfig)}
    return {
        **found,
        **dict(_configs(client, names, asked)),
        **dict.fromkeys(_passwords(client), ""),
        **dict(_quotas(client)),
        **dict.fromkeys(acls, ""),
    }


def found_acls(client: Client, node: int | None = None) -> set[Acl]:
    """Every ACL, as one broker knows them now (any, if None)."""
    request = DescribeAclsRequest(
        resource_type_filter=ANY,
        resource_name_filter=None,
        pattern_type_filter=ANY,
        principal_filter=None,
        host_filter=None,
        operation=ANY,
        permission_type=ANY,
        min_version=1,
    )
    response = client.send(request, node, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS)
    if errors.for_code(response.error_code) is errors.SecurityDisabledError:
        raise NoAuthorizerError(client.bootstrap)
    client.check(response.error_code, Grant(Operation.DESCRIBE, CLUSTER))
    return {acl_of(resource, entry) for resource in response.resources for entry in resource.acls}


def _topics(client: Client) -> Iterator[tuple[Item, str]]:
    _require_sight(client)
    request = MetadataRequest(topics=None, allow_auto_topic_creation=False, min_version=10)
    for each in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).topics:
        if each.is_internal or each.name.startswith("__"):
            continue
        client.check(each.error_code, Grant(Operation.DESCRIBE, Resource(Kind.TOPIC, each.name)))
        yield Topic(each.name), ""
        yield TopicLayout(each.name, Layout.PARTITIONS), str(len(each.partitions))
        copies = {len(partition.replica_nodes) for partition in each.partitions}
        yield TopicLayout(each.name, Layout.REPLICAS), " or ".join(str(count) for count in sorted(copies))


def _require_sight(client: Client) -> None:
    """Raise AclMissingError unless every topic may be seen: from a list of all, others are left out without a word."""
    topics = [MetadataRequest.MetadataRequestTopic(name=NO_TOPIC)]
    request = MetadataRequest(topics=topics, allow_auto_topic_creation=False, min_version=10)
    for each in client.send(request).wait(ANSWER_SECONDS).topics:
        if errors.for_code(each.error_code) is errors.TopicAuthorizationFailedError:
            client.check(each.error_code, Grant(Operation.DESCRIBE, Resource(Kind.TOPIC, EVERY)))


def _configs(client: Client, names: Sequence[str], asked: set[tuple[str, str]]) -> Iterator[tuple[Item, str]]:
    for first in range(0, len(names), TOPICS_AT_ONCE):
        resources = [
            DescribeConfigsRequest.DescribeConfigsResource(
                resource_type=TOPIC, resource_name=n, configuration_keys=None
            )
            for n in names[first : first + TOPICS_AT_ONCE]
        ]
        request = DescribeConfigsRequest(resources=resources, include_synonyms=False, include_documentation=False)
        for result in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).results:
            topic = result.resource_name
            client.check(result.error_code, Grant(Operation.DESCRIBE_CONFIGS, Resource(Kind.TOPIC, topic)))
            for each in result.configs:
                if each.config_source == SET_ON_TOPIC or (topic, each.name) in asked:
                    yield TopicConfig(topic, each.name), each.value or ""


def _passwords(client: Client) -> Iterator[Password]:
    response = client.send(DescribeUserScramCredentialsRequest(users=None)).wait(ANSWER_SECONDS)
    client.check(response.error_code, Grant(Operation.DESCRIBE, CLUSTER))
    for user in response.results:
        for each in user.credential_infos:
            yield Password(user.user, MECHANISMS.get(each.mechanism, f"mechanism {each.mechanism}"))


def _quotas(client: Client) -> Iterator[tuple[Item, str]]:
    request = DescribeClientQuotasRequest(components=[], strict=False)
    response = client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS)
    client.check(response.error_code, Grant(Operation.DESCRIBE_CONFIGS, CLUSTER))
    for entry in response.entries or ():
        entity = tuple(sorted((each.entity_type, each.entity_name or DEFAULT) for each in entry.entity))
        for each in entry.values:
            yield Quota(entity, each.key), _number(each.value)


def _number(value: Any) -> str:
    """As access.yaml writes it: whole where it is whole."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
