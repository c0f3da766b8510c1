"""What is declared, as Strimzi's resources: a KafkaTopic for each topic, a KafkaUser for each principal. Pure.

Strimzi's User Operator names whoever shows a certificate `User:CN=<name>`; on its clusters the ACLs are for them.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from analytics_platform.security.access_file import DeclaredTopic, Shows
from analytics_platform.security.access_wanted import Principal
from analytics_platform.security.acl import Grant, Kind, Operation, Pattern, Resource

API = "kafka.strimzi.io/v1"
KUBERNETES_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
KINDS = {
    Kind.TOPIC: "topic",
    Kind.GROUP: "group",
    Kind.CLUSTER: "cluster",
    Kind.TRANSACTIONAL_ID: "transactionalId",
}
PATTERNS = {Pattern.LITERAL: "literal", Pattern.PREFIXED: "prefix"}
SHOWN = {Shows.CERTIFICATE: "tls", Shows.PASSWORD: "scram-sha-512"}
QUOTAS = {
    "producer_byte_rate": "producerByteRate",
    "consumer_byte_rate": "consumerByteRate",
    "request_percentage": "requestPercentage",
}


def topic_resource(name: str, kept: DeclaredTopic, cluster: str) -> dict[str, Any]:
    """One KafkaTopic; what is left to the broker is not said."""
    counts = {"partitions": kept.partitions, "replicas": kept.replicas}
    own_name = _kubernetes_name(name)
    spec = {
        **({} if own_name == name else {"topicName": name}),
        **{key: count for key, count in counts.items() if count is not None},
        **({"config": dict(sorted(kept.config.items()))} if kept.config else {}),
    }
    return _resource("KafkaTopic", own_name, cluster, spec)


def user_resource(principal: Principal, cluster: str) -> dict[str, Any]:
    """One KafkaUser, with the very grants of its principal."""
    quotas = {QUOTAS[key]: int(value) for key, value in sorted(principal.quotas.items())}
    spec = {
        "authentication": {"type": SHOWN[principal.shows]},
        "authorization": {"type": "simple", "acls": list(_acls(principal.grants))},
        **({"quotas": quotas} if quotas else {}),
    }
    return _resource("KafkaUser", principal.name, cluster, spec)


def grants_of(user: Mapping[str, Any]) -> frozenset[Grant]:
    """What a KafkaUser grants: the other way round, to compare sets."""
    kinds, patterns = {name: kind for kind, name in KINDS.items()}, {name: p for p, name in PATTERNS.items()}
    return frozenset(
        Grant(
            Operation(operation),
            Resource(
                kinds[acl["resource"]["type"]],
                acl["resource"].get("name", "kafka-cluster"),
                patterns[acl["resource"].get("patternType", "literal")],
            ),
        )
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    )


def as_yaml(resources: Iterable[Mapping[str, Any]]) -> str:
    """Documents of one file, the same text for the same resources."""
    return yaml.safe_dump_all(list(resources), sort_keys=False, explicit_start=True, allow_unicode=True)


def _acls(grants: frozenset[Grant]) -> Iterator[dict[str, Any]]:
    for resource in sorted({grant.resource for grant in grants}):
        where: dict[str, str] = {"type": KINDS[resource.kind]}
        if resource.kind is not Kind.CLUSTER:  # there is one, and it has no name there
            where |= {"name": resource.name, "patternType": PATTERNS[resource.pattern]}
        operations = sorted(grant.operation for grant in grants if grant.resource == resource)
        yield {"resource": where, "operations": [str(operation) for operation in operations]}


def _resource(kind: str, name: str, cluster: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": cluster}}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def _kubernetes_name(topic: str) -> str:
    """The topic's name where Kubernetes takes it, else one like it that no other topic gets."""
    if KUBERNETES_NAME.fullmatch(topic):
        return topic
    like = re.sub(r"[^a-z0-9.-]", "-", topic.lower()).strip(".-")[:200]
    return f"{like or 'topic'}-{hashlib.sha256(topic.encode()).hexdigest()[:8]}"
