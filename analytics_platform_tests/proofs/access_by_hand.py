"""What somebody does to a cluster by hand, and what they see of it: through librdkafka, and nothing of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
)

SECONDS = 20
Binding = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A change that somebody makes by hand, what `verify` must say of it, and whether only `--remove` mends it."""

    says: str
    make: Callable[[AdminClient], object]
    is_extra: bool = False


def bindings(oracle: AdminClient) -> set[Binding]:
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    return {
        (
            a.principal,
            a.restype.name,
            a.name,
            a.resource_pattern_type.name,
            a.operation.name,
            a.permission_type.name,
            a.host,
        )
        for a in oracle.describe_acls(every).result(SECONDS)
    }


def _binding(name: str, principal: str, operation: AclOperation, allows: bool = True) -> AclBinding:
    permission = AclPermissionType.ALLOW if allows else AclPermissionType.DENY
    return AclBinding(ResourceType.TOPIC, name, ResourcePatternType.LITERAL, principal, "*", operation, permission)


def _add(*binding: Any) -> Callable[[AdminClient], object]:
    def make(oracle: AdminClient) -> None:
        for done in oracle.create_acls([_binding(*binding)]).values():
            done.result(SECONDS)

    return make


def _drop(*binding: Any) -> Callable[[AdminClient], object]:
    def make(oracle: AdminClient) -> None:
        one = _binding(*binding)
        same = AclBindingFilter(
            one.restype,
            one.name,
            one.resource_pattern_type,
            one.principal,
            one.host,
            one.operation,
            one.permission_type,
        )
        for done in oracle.delete_acls([same]).values():
            done.result(SECONDS)

    return make


def _set(topic: str, key: str, value: str) -> Callable[[AdminClient], object]:
    def make(oracle: AdminClient) -> None:
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        for done in oracle.incremental_alter_configs([resource]).values():
            done.result(SECONDS)

    return make


def _forget(user: str) -> Callable[[AdminClient], object]:
    def make(oracle: AdminClient) -> None:
        gone = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        for done in oracle.alter_user_scram_credentials([gone]).values():
            done.result(SECONDS)

    return make


DRIFTS = (
    Drift(
        says="extra: User:web-shop may Read Topic bids",
        make=_add("bids", "User:web-shop", AclOperation.READ),
        is_extra=True,
    ),
    Drift(says="extra: User:mallory may All Topic *", make=_add("*", "User:mallory", AclOperation.ALL), is_extra=True),
    Drift(
        says="extra: User:planner may not Read Topic bids",
        make=_add("bids", "User:planner", AclOperation.READ, False),
        is_extra=True,
    ),
    Drift(says="missing: User:worker may Read Topic bids", make=_drop("bids", "User:worker", AclOperation.READ)),
    Drift(says="missing: User:ana may Read Topic clicks", make=_drop("clicks", "User:ana", AclOperation.READ)),
    Drift(says="different: topic bids: retention.ms", make=_set("bids", "retention.ms", "1000")),
    Drift(
        says="extra: topic auctions: cleanup.policy", make=_set("auctions", "cleanup.policy", "compact"), is_extra=True
    ),
    Drift(says="missing: password of ana for SCRAM-SHA-512", make=_forget("ana")),
)
