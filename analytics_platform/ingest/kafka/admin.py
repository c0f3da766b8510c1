"""Creates topics."""

from collections.abc import Mapping
from datetime import timedelta

from kafka import errors
from kafka.protocol.admin import CreateTopicsRequest

from analytics_platform.errors import DeclarationError, TopicMissingError
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.security.acl import Grant, Operation, topic_named
from analytics_platform.security.cluster import Cluster

PATIENCE_SECONDS = 15.0
BROKER_DEFAULT = -1
SEGMENTS_PER_RETENTION = 24  # the broker deletes whole segments: keep at most 1/24 longer than asked

Topic = CreateTopicsRequest.CreatableTopic
Config = Topic.CreatableTopicConfig


def ensure_topics(cluster: Cluster | str, partitions: Mapping[str, int], *, retention: timedelta | None = None) -> None:
    """Create the topics that do not exist and wait until each partition has a leader; repeatable.

    Whoever finds all of them there needs no right to create any.

    Topics that exist keep their configuration. Raises DeclarationError when one has another number of partitions,
    UnreachableError, KafkaDeniedError.
    """
    client = Client(cluster)
    try:
        missing = client.patiently(lambda: _missing(client, partitions), PATIENCE_SECONDS)
        if missing:
            client.patiently(lambda: _create(client, missing, retention), PATIENCE_SECONDS)
        found = client.patiently(lambda: _lead(client, partitions), PATIENCE_SECONDS)
    finally:
        client.close()
    for name, count in found.items():
        if count != partitions[name]:
            raise DeclarationError(
                f"topic {name}",
                f"declared with {partitions[name]} partitions, the broker has {count}",
                "mend the declaration; a key's records lie where the old count put them",
            )


def _missing(client: Client, partitions: Mapping[str, int]) -> dict[str, int]:
    """Those that do not exist: who may not create topics may still find that there is nothing to create."""
    found = {}
    for name, count in partitions.items():
        try:
            client.topics([name])
        except TopicMissingError:
            found[name] = count
    return found


def _create(client: Client, partitions: Mapping[str, int], retention: timedelta | None) -> None:
    configs = [] if retention is None else _retention(retention)
    request = CreateTopicsRequest(
        topics=[
            Topic(name=name, num_partitions=count, replication_factor=BROKER_DEFAULT, assignments=[], configs=configs)
            for name, count in partitions.items()
        ],
        timeout_ms=int(PATIENCE_SECONDS * 1000),
        validate_only=False,
        min_version=4,
    )
    for topic in client.send(request, seconds=PATIENCE_SECONDS).wait(PATIENCE_SECONDS).topics:
        if errors.for_code(topic.error_code) is not errors.TopicAlreadyExistsError:
            client.check(topic.error_code, Grant(Operation.CREATE, topic_named(topic.name)))


def _retention(retention: timedelta) -> list[Config]:
    kept_ms = int(retention.total_seconds() * 1000)
    segment_ms = max(kept_ms // SEGMENTS_PER_RETENTION, 60_000)
    return [Config(name="retention.ms", value=str(kept_ms)), Config(name="segment.ms", value=str(segment_ms))]


def _lead(client: Client, partitions: Mapping[str, int]) -> dict[str, int]:
    """How many partitions each topic has, once all of them have a leader."""
    try:
        layouts = client.topics(partitions)
    except TopicMissingError as error:  # it was created: the broker that was asked has not heard of it yet
        raise client.unreachable(str(error)) from error
    for name, layout in layouts.items():
        if not layout.leaders or min(layout.leaders.values()) < 0:
            raise client.unreachable(f"topic {name} has partitions without a leader")
    return {name: len(layout.leaders) for name, layout in layouts.items()}
