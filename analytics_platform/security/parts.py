"""The platform's own parts as Kafka principals, each with the least it needs. Pure.

A part shows a certificate whose subject is `CN=<name>`; the broker knows it as `User:<name>`. What is not here needs
nothing of Kafka and gets no certificate: the HTTP service, the webserver, the alert sender. Whoever produces or reads
beside the platform, the auction house too, is named in `infra/kafka/access.yaml`.
"""

from dataclasses import dataclass
from enum import StrEnum

from analytics_platform.product import Catalog
from analytics_platform.security.acl import CLUSTER, EVERY, Grant, Kind, Operation, Resource, topic_named


class PartName(StrEnum):
    """Which part shows itself to Kafka; the `CN` of its certificate."""

    BROKER = "broker"  # to other brokers: a super user, and nobody else's name
    ADMIN = "admin"
    PLANNER = "planner"
    WORKER = "worker"
    DEAD_LETTERS = "dead-letters"
    WATCHER = "watcher"
    OPERATOR = "operator"
    SAMPLER = "sampler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part, what it does there, and what it may do."""

    name: PartName
    about: str
    grants: frozenset[Grant]


# Metadata, offsets and long polls, and every record: all that READ covers, and no consumer group.
READS = "asks for metadata and stable offsets, waits for records"


def parts_of(declared: Catalog) -> list[Part]:
    """Every part that is no super user, with what the declared streams make it need; by name."""
    streams = declared.streams.values()
    sources = frozenset(Grant(Operation.READ, topic_named(stream.topic)) for stream in streams)
    dead = frozenset(
        Grant(Operation.WRITE, topic_named(stream.dead_letters)) for stream in streams if stream.dead_letters
    )
    known = frozenset(Grant(Operation.DESCRIBE, grant.resource) for grant in sources)
    groups = Grant(Operation.DESCRIBE, Resource(Kind.GROUP, EVERY))
    parts = [
        Part(name=PartName.ADMIN, about="makes topics, ACLs, quotas and passwords", grants=ADMINISTRATION),
        Part(name=PartName.PLANNER, about=READS, grants=sources),
        Part(name=PartName.WORKER, about=f"{READS}, and reads them", grants=sources),
        Part(name=PartName.DEAD_LETTERS, about="sends rows that silver will not hold", grants=dead),
        Part(name=PartName.WATCHER, about="looks for consumer groups that nobody registered", grants=known | {groups}),
        Part(name=PartName.OPERATOR, about="`ap` and its status line, on this machine", grants=sources | {groups}),
        Part(name=PartName.SAMPLER, about="`ap stream new`: looks at undeclared topics", grants=SAMPLING),
    ]
    return sorted(parts, key=lambda part: part.name)


SAMPLING = frozenset({Grant(Operation.READ, Resource(Kind.TOPIC, EVERY))})
# ALTER of the cluster makes ACLs and passwords: whoever has it can give itself the rest. Records it cannot read yet.
ADMINISTRATION = frozenset(
    {
        Grant(Operation.ALTER, CLUSTER),
        Grant(Operation.ALTER_CONFIGS, CLUSTER),
        Grant(Operation.CREATE, Resource(Kind.TOPIC, EVERY)),
        Grant(Operation.DESCRIBE, Resource(Kind.TOPIC, EVERY)),
        Grant(Operation.ALTER_CONFIGS, Resource(Kind.TOPIC, EVERY)),
    }
)
