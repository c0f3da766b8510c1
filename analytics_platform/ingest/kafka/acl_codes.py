"""The words of ACLs as the numbers that Kafka's protocol has for them, and back."""

from typing import Any

from kafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from analytics_platform.errors import KafkaError
from analytics_platform.security.acl import Acl, Kind, Operation, Pattern, Permission, Resource

ANY = 1  # in a filter
KINDS = {
    Kind.TOPIC: 2,
    Kind.GROUP: 3,
    Kind.CLUSTER: 4,
    Kind.TRANSACTIONAL_ID: 5,
    Kind.DELEGATION_TOKEN: 6,
    Kind.USER: 7,
}
OPERATIONS = {operation: code for code, operation in enumerate(Operation, 2)}
PERMISSIONS = {Permission.DENY: 2, Permission.ALLOW: 3}
PATTERNS = {Pattern.LITERAL: 3, Pattern.PREFIXED: 4}


def acl_of(resource: Any, entry: Any) -> Acl:
    """What a DescribeAcls response says; raises KafkaError for a number of a Kafka newer than this code."""
    return Acl(
        principal=entry.principal,
        resource=Resource(
            _word(KINDS, resource.resource_type), resource.resource_name, _word(PATTERNS, resource.pattern_type)
        ),
        operation=_word(OPERATIONS, entry.operation),
        permission=_word(PERMISSIONS, entry.permission_type),
        host=entry.host,
    )


def creation_of(acl: Acl) -> CreateAclsRequest.AclCreation:
    """What makes an ACL."""
    return CreateAclsRequest.AclCreation(
        resource_type=KINDS[acl.resource.kind],
        resource_name=acl.resource.name,
        resource_pattern_type=PATTERNS[acl.resource.pattern],
        principal=acl.principal,
        host=acl.host,
        operation=OPERATIONS[acl.operation],
        permission_type=PERMISSIONS[acl.permission],
    )


def filter_of(acl: Acl) -> DeleteAclsRequest.DeleteAclsFilter:
    """What finds this ACL and no other."""
    return DeleteAclsRequest.DeleteAclsFilter(
        resource_type_filter=KINDS[acl.resource.kind],
        resource_name_filter=acl.resource.name,
        pattern_type_filter=PATTERNS[acl.resource.pattern],
        principal_filter=acl.principal,
        host_filter=acl.host,
        operation=OPERATIONS[acl.operation],
        permission_type=PERMISSIONS[acl.permission],
    )


def _word(known: dict[Any, int], code: int) -> Any:
    for word, number in known.items():
        if number == code:
            return word
    raise KafkaError(f"an ACL says {code} where {', '.join(known)} are known; remove it with Kafka's own tool")
