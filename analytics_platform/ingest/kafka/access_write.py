"""Makes a cluster be as it is to be: topics, settings, passwords, quotas and ACLs. Deletes no topic, ever."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kafka import errors
from kafka.protocol.admin import (
    AlterClientQuotasRequest,
    AlterUserScramCredentialsRequest,
    CreateAclsRequest,
    CreateTopicsRequest,
    DeleteAclsRequest,
    IncrementalAlterConfigsRequest,
)

from analytics_platform.ingest.kafka.access_read import ANSWER_SECONDS, MECHANISMS, TOPIC, found_acls, found_state
from analytics_platform.ingest.kafka.acl_codes import creation_of, filter_of
from analytics_platform.ingest.kafka.client import RETRY_SECONDS, Client
from analytics_platform.security.access import (
    DEFAULT,
    Difference,
    Item,
    Layout,
    Password,
    Quota,
    State,
    Topic,
    TopicConfig,
    TopicLayout,
)
from analytics_platform.security.acl import CLUSTER, Acl, Grant, Kind, Operation, Resource

SEEN_SECONDS = 15.0  # a change is made by the controller, and each broker hears of it a moment later
BROKERS_OWN = -1
SET, DELETE = 0, 1
ROUNDS = 4096  # Kafka's least; more would only protect a password that somebody can guess
SALT_BYTES = 24

Change = Sequence[Difference]
T = TypeVar("T", bound=Item)


def apply(client: Client, change: Change, wanted: State, password_of: Callable[[str], str]) -> None:
    """Make every difference go away, and wait until every broker shows that it has.

    Raises AclMissingError, KafkaError for what the cluster refuses, UnreachableError, also where a change does not
    show: apply again, it goes on where it was.
    """
    _create_topics(client, [topic.name for topic, _ in _among(change, Topic)], wanted)
    _alter_configs(client, _among(change, TopicConfig))
    for password, value in _among(change, Password):
        _alter_password(client, password, None if value is None else password_of(password.user))
    _alter_quotas(client, _among(change, Quota))
    acls = _among(change, Acl)
    _create_acls(client, [acl for acl, value in acls if value is not None])
    _delete_acls(client, [acl for acl, value in acls if value is None])
    _wait_until_seen(client, change, wanted)


def set_password(client: Client, user: str, password: str) -> None:
    """Let somebody show this password from now on, and no earlier one."""
    _alter_password(client, Password(user), password)


def _among(change: Change, kind: type[T]) -> list[tuple[T, str | None]]:
    """Those of a kind, each with what it is to say; None: it is to go."""
    return [(each.item, each.wanted) for each in change if isinstance(each.item, kind)]


def _create_topics(client: Client, names: Sequence[str], wanted: State) -> None:
    if not names:
        return
    configs: dict[str, dict[str, str]] = {name: {} for name in names}
    for item, value in wanted.items():
        if isinstance(item, TopicConfig) and item.topic in configs:
            configs[item.topic][item.key] = value
    topics = [_creatable(name, configs[name], wanted) for name in names]
    request = CreateTopicsRequest(
        topics=topics, timeout_ms=int(ANSWER_SECONDS * 1000), validate_only=False, min_version=4
    )
    for each in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).topics:
        if errors.for_code(each.error_code) is not errors.TopicAlreadyExistsError:
            client.check(each.error_code, Grant(Operation.CREATE, Resource(Kind.TOPIC, each.name)), each.error_message)


def _creatable(name: str, config: Mapping[str, str], wanted: State) -> Any:
    topic = CreateTopicsRequest.CreatableTopic
    return topic(
        name=name,
        num_partitions=int(wanted.get(TopicLayout(name, Layout.PARTITIONS), BROKERS_OWN)),
        replication_factor=int(wanted.get(TopicLayout(name, Layout.REPLICAS), BROKERS_OWN)),
        assignments=[],
        configs=[topic.CreatableTopicConfig(name=key, value=value) for key, value in sorted(config.items())],
    )


def _alter_configs(client: Client, change: Sequence[tuple[TopicConfig, str | None]]) -> None:
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource
    by_topic: dict[str, list[Any]] = {}
    for item, value in change:
        entry = resource.AlterableConfig(name=item.key, config_operation=DELETE if value is None else SET, value=value)
        by_topic.setdefault(item.topic, []).append(entry)
    if not by_topic:
        return
    resources = [resource(resource_type=TOPIC, resource_name=name, configs=found) for name, found in by_topic.items()]
    request = IncrementalAlterConfigsRequest(resources=resources, validate_only=False)
    for each in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).responses:
        grant = Grant(Operation.ALTER_CONFIGS, Resource(Kind.TOPIC, each.resource_name))
        client.check(each.error_code, grant, each.error_message)


def _alter_password(client: Client, item: Password, password: str | None) -> None:
    """Make or take away the one of this mechanism."""
    request, code = AlterUserScramCredentialsRequest, {name: code for code, name in MECHANISMS.items()}[item.mechanism]
    deletions, upsertions = [], []
    if password is None:
        deletions = [request.ScramCredentialDeletion(name=item.user, mechanism=code)]
    else:
        salt = os.urandom(SALT_BYTES)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
        upsertions = [
            request.ScramCredentialUpsertion(
                name=item.user, mechanism=code, iterations=ROUNDS, salt=salt, salted_password=salted
            )
        ]
    answer = client.send(request(deletions=deletions, upsertions=upsertions), seconds=ANSWER_SECONDS)
    for each in answer.wait(ANSWER_SECONDS).results:
        client.check(each.error_code, Grant(Operation.ALTER, CLUSTER), each.error_message)


def _alter_quotas(client: Client, change: Sequence[tuple[Quota, str | None]]) -> None:
    entry = AlterClientQuotasRequest.EntryData
    entries = [
        entry(
            entity=[
                entry.EntityData(entity_type=kind, entity_name=None if name == DEFAULT else name)
                for kind, name in item.entity
            ],
            ops=[entry.OpData(key=item.key, value=float(value or 0), remove=value is None)],
        )
        for item, value in change
    ]
    if not entries:
        return
    request = AlterClientQuotasRequest(entries=entries, validate_only=False)
    for each in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).entries:
        client.check(each.error_code, Grant(Operation.ALTER_CONFIGS, CLUSTER), each.error_message)


def _create_acls(client: Client, acls: Sequence[Acl]) -> None:
    if acls:
        request = CreateAclsRequest(creations=[creation_of(acl) for acl in acls], min_version=1)
        for each in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).results:
            client.check(each.error_code, Grant(Operation.ALTER, CLUSTER), each.error_message)


def _delete_acls(client: Client, acls: Sequence[Acl]) -> None:
    if acls:
        request = DeleteAclsRequest(filters=[filter_of(acl) for acl in acls], min_version=1)
        for each in client.send(request, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).filter_results:
            client.check(each.error_code, Grant(Operation.ALTER, CLUSTER), each.error_message)


def _wait_until_seen(client: Client, change: Change, wanted: State) -> None:
    deadline = time.monotonic() + SEEN_SECONDS
    while late := _unseen(client, change, wanted):
        if time.monotonic() > deadline:
            raise client.unreachable(f"after {SEEN_SECONDS:g} s it does not show: {late[0]}")
        client.pause(RETRY_SECONDS)


def _unseen(client: Client, change: Change, wanted: State) -> Change:
    """What some broker does not show yet; of ACLs each is asked, for each decides by what it knows itself."""
    found = found_state(client, wanted)
    late = [each for each in change if found.get(each.item) != each.wanted]
    if late:
        return late
    asked = [each for each in change if isinstance(each.item, Acl)]
    known = [found_acls(client, node) for node in client.brokers()] if asked else []
    return [each for each in asked if any((each.item in acls) is each.is_extra for acls in known)]
