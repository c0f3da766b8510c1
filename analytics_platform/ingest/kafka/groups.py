"""Which consumer groups have committed offsets, and on which topics. Touches Kafka, 3.0 or newer; changes nothing.

A broker coordinates the groups that it lists, so that their offsets are asked of the very same.
"""

from collections.abc import Iterable, Iterator

from kafka.protocol.admin import DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import OffsetFetchRequest

from analytics_platform.ingest.kafka.client import CONNECT_SECONDS, Client
from analytics_platform.security.acl import EVERY, Grant, Kind, Operation, Resource
from analytics_platform.security.cluster import Cluster

ALL_SECONDS = 3.0  # whoever asks has other things to do
GROUPS_AT_ONCE = 100
MOST_GROUPS = 2_000  # of one broker, the first by name: more are a cluster that needs another tool
NO_ERROR, GROUP_AUTHORIZATION_FAILED = 0, 30
EVERY_GROUP = Grant(Operation.DESCRIBE, Resource(Kind.GROUP, EVERY))
NO_GROUP = "analytics-platform.nobody"  # a name that an ACL for some groups does not cover

Group = OffsetFetchRequest.OffsetFetchRequestGroup


def committed_topics(cluster: Cluster | str) -> dict[str, set[str]]:
    """By group, the topics on which it has committed offsets, whether it is connected or not.

    Readers without a group, or that never commit, are not seen. Raises UnreachableError, KafkaDeniedError.
    """
    client, found = Client(cluster), dict[str, set[str]]()
    try:
        with client.used(ALL_SECONDS):
            for node in client.brokers():
                for group, topics in _of_broker(client, node):
                    found.setdefault(group, set()).update(topics)
    finally:
        client.close()
    return found


def _of_broker(client: Client, node: int) -> Iterator[tuple[str, set[str]]]:
    listed = client.send(ListGroupsRequest(min_version=0), node).wait(CONNECT_SECONDS)
    client.check(listed.error_code, EVERY_GROUP)
    _require_sight(client, node)
    names = sorted(group.group_id for group in listed.groups)[:MOST_GROUPS]
    for first in range(0, len(names), GROUPS_AT_ONCE):
        yield from _committed(client, node, names[first : first + GROUPS_AT_ONCE])


def _require_sight(client: Client, node: int) -> None:
    """Raise AclMissingError unless every group may be seen: from the list, others are left out without a word."""
    response = client.send(DescribeGroupsRequest(groups=[NO_GROUP], min_version=0), node).wait(CONNECT_SECONDS)
    for group in response.groups:
        if group.error_code == GROUP_AUTHORIZATION_FAILED:
            client.check(group.error_code, EVERY_GROUP)


def _committed(client: Client, node: int, names: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    groups = [Group(group_id=name, topics=None) for name in names]  # None: of every topic
    request = OffsetFetchRequest(groups=groups, require_stable=False, min_version=8, max_version=8)
    for group in client.send(request, node).wait(CONNECT_SECONDS).groups:
        if group.error_code != NO_ERROR:
            continue  # it went or moved just now, and is looked at next time
        topics = {t.name for t in group.topics if any(p.committed_offset >= 0 for p in t.partitions)}
        if topics:
            yield group.group_id, topics
