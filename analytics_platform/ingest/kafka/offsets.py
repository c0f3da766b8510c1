"""Asks the broker which offsets are stable."""

from collections.abc import Iterable, Mapping

from kafka.protocol.consumer import ListOffsetsRequest, OffsetSpec

from analytics_platform.facts import PartitionOffsets
from analytics_platform.ingest.kafka.client import CONNECT_SECONDS, Answer, Client, TopicLayout
from analytics_platform.security.acl import Grant, Operation, topic_named

READ_UNCOMMITTED, READ_COMMITTED = 0, 1
# A connection that a broker's restart has broken is tried once more; a dead broker is reported after one attempt.
PATIENCE_SECONDS = 2.0
ALL_SECONDS = 6.0  # a planner asks: whatever a slow broker does, it has other topics to look after

Topic = ListOffsetsRequest.ListOffsetsTopic
Partition = Topic.ListOffsetsPartition


def stable_offsets(client: Client, topic: str) -> list[PartitionOffsets]:
    """The first offset kept and the end of what is stable, in partition order; see `stable_offsets_of`."""
    return stable_offsets_of(client, [topic])[topic]


def stable_offsets_of(client: Client, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
    """The stable offsets of several topics, by one request for metadata and three to each leader.

    The end is the last stable offset: behind it nothing is committed yet. Raises TopicMissingError,
    KafkaDeniedError, and UnreachableError: after about 3 s from a dead broker, after ALL_SECONDS from a slow one.
    """
    names = list(dict.fromkeys(topics))
    if not names:
        return {}
    with client.used(ALL_SECONDS):
        return client.patiently(lambda: _ask(client, names), PATIENCE_SECONDS)


def _ask(client: Client, names: list[str]) -> dict[str, list[PartitionOffsets]]:
    layouts = client.topics(names)
    # all are under way before the first is waited for
    first = _send(client, layouts, int(OffsetSpec.EARLIEST), READ_COMMITTED)
    stable_end = _send(client, layouts, int(OffsetSpec.LATEST), READ_COMMITTED)
    end = _send(client, layouts, int(OffsetSpec.LATEST), READ_UNCOMMITTED)
    first_offsets, stable_ends, ends = (_collect(client, answers) for answers in (first, stable_end, end))
    return {
        name: [
            PartitionOffsets(
                topic_id=layouts[name].id,
                partition=partition,
                first=first_offsets[name, partition],
                stable_end=stable_ends[name, partition],
                end=ends[name, partition],
            )
            for partition in sorted(layouts[name].leaders)
        ]
        for name in names
    }


def _send(client: Client, layouts: Mapping[str, TopicLayout], spec: int, isolation: int) -> list[Answer]:
    nodes: dict[int, dict[str, list[int]]] = {}
    for name, layout in layouts.items():
        for partition, node in layout.leaders.items():
            if node < 0:
                raise client.unreachable(f"{name}-{partition} has no leader")
            nodes.setdefault(node, {}).setdefault(name, []).append(partition)
    return [client.send(_request(by_topic, spec, isolation), node) for node, by_topic in nodes.items()]


def _request(by_topic: Mapping[str, list[int]], spec: int, isolation: int) -> ListOffsetsRequest:
    topics = [
        Topic(
            name=name,
            partitions=[Partition(partition_index=p, current_leader_epoch=-1, timestamp=spec) for p in partitions],
        )
        for name, partitions in by_topic.items()
    ]
    return ListOffsetsRequest(replica_id=-1, isolation_level=isolation, topics=topics, min_version=2)


def _collect(client: Client, answers: list[Answer]) -> dict[tuple[str, int], int]:
    found = {}
    for answer in answers:
        for topic in answer.wait(CONNECT_SECONDS).topics:
            for partition in topic.partitions:
                client.check(partition.error_code, Grant(Operation.DESCRIBE, topic_named(topic.name)))
                found[topic.name, partition.partition_index] = partition.offset
    return found
