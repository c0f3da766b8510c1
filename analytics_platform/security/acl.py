"""What is allowed on Kafka, in Kafka's own words: operations on resources, granted to principals. Pure."""

from dataclasses import dataclass
from enum import StrEnum

USER = "User:"
EVERY = "*"  # as a resource's name: every resource of the kind; as a host: from anywhere
THE_CLUSTER = "kafka-cluster"  # the one name that a resource of kind cluster may have


class Operation(StrEnum):
    """What may be done; spelt as Kafka's tools spell it.

    Whoever may READ, WRITE, DELETE or ALTER may DESCRIBE, and whoever may ALTER_CONFIGS may DESCRIBE_CONFIGS: a grant
    beside them would be one more than is needed.
    """

    ALL = "All"
    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DELETE = "Delete"
    ALTER = "Alter"
    DESCRIBE = "Describe"
    CLUSTER_ACTION = "ClusterAction"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    ALTER_CONFIGS = "AlterConfigs"
    IDEMPOTENT_WRITE = "IdempotentWrite"
    CREATE_TOKENS = "CreateTokens"
    DESCRIBE_TOKENS = "DescribeTokens"
    TWO_PHASE_COMMIT = "TwoPhaseCommit"


class Kind(StrEnum):
    """What something may be done to."""

    TOPIC = "Topic"
    GROUP = "Group"
    CLUSTER = "Cluster"
    TRANSACTIONAL_ID = "TransactionalId"
    DELEGATION_TOKEN = "DelegationToken"
    USER = "User"


class Pattern(StrEnum):
    """Whether a resource's name is a name, or the beginning of many."""

    LITERAL = "Literal"
    PREFIXED = "Prefixed"


class Permission(StrEnum):
    """Whether an ACL allows or forbids; one that forbids wins."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """A topic, group, transactional id or the cluster; or all whose names begin so."""

    kind: Kind
    name: str
    pattern: Pattern = Pattern.LITERAL

    def __str__(self) -> str:
        """As people read it: `Topic bids`, `Group reports-*`, `Cluster`."""
        if self.kind is Kind.CLUSTER:
            return self.kind.value
        return f"{self.kind} {self.name}{'*' if self.pattern is Pattern.PREFIXED else ''}"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One operation on one resource, to whomever it is granted."""

    operation: Operation
    resource: Resource

    def __str__(self) -> str:
        """As people read it: `Read Topic bids`."""
        return f"{self.operation} {self.resource}"


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """What Kafka keeps: who may, or may not, do what to what, from where."""

    principal: str
    resource: Resource
    operation: Operation
    permission: Permission = Permission.ALLOW
    host: str = EVERY

    def __str__(self) -> str:
        """As people read it: `User:planner may Read Topic bids`."""
        may = "may" if self.permission is Permission.ALLOW else "may not"
        where = "" if self.host == EVERY else f" from {self.host}"
        return f"{self.principal} {may} {self.operation} {self.resource}{where}"


CLUSTER = Resource(Kind.CLUSTER, THE_CLUSTER)


def topic_named(name: str) -> Resource:
    """The topic of that name."""
    return Resource(Kind.TOPIC, name)


def user_named(name: str) -> str:
    """The principal of a name: what a certificate's CN or a SCRAM user becomes."""
    return USER + name
