"""Kafka's part of the access matrix: a secured broker with the ACLs that `ap access apply` makes of a file."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import AclMissingError
from analytics_platform.ingest.kafka.access_write import apply
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.pipeline.access import DeclaredAccess, bring_about
from analytics_platform.product import Stream
from analytics_platform.security.access import Difference
from analytics_platform.security.access_file import parse_access
from analytics_platform.security.access_wanted import wanted_state
from analytics_platform.security.acl import (
    CLUSTER,
    EVERY,
    Acl,
    Grant,
    Kind,
    Operation,
    Pattern,
    Resource,
    topic_named,
    user_named,
)
from analytics_platform.security.cluster import Cluster, for_librdkafka
from analytics_platform.security.parts import PartName
from analytics_platform.security.password_files import passwords_in
from analytics_platform.settings import read_settings
from analytics_platform_tests.proofs import access_attempts as attempts
from analytics_platform_tests.proofs.access_cells import Cell, Flip, Side
from analytics_platform_tests.secured import SecuredKafka, running_secured_kafka

SYSTEM = "kafka"
SEEN_GROUP = "reports"
PATIENCE_SECONDS = 20.0  # with a machine that is busy: who does not answer has neither allowed nor refused
FILE = """\
principals:
  auction-house: {about: d, owner: team:a, shows: certificate, reads: [bids, persons], writes: [bids, persons]}
  web-shop: {about: takes bids, owner: team:a, shows: certificate, writes: [bids], transactions: [shop-*]}
  billing: {about: new persons, owner: team:b, shows: certificate, writes: [persons]}
  ana: {about: asks why, owner: user:ana, shows: password, reads: [bids], groups: [ana-*]}
  ben: {about: asks who, owner: user:ben, shows: password, reads: [persons]}
  cem: {about: asks both, owner: user:cem, shows: password, reads: [bids, persons], groups: [ana-1]}
  dan: {about: on call, owner: user:dan, shows: password, like: operator, writes: [bids.dead]}
  eve: {about: runs Kafka, owner: user:eve, shows: password, like: admin, reads: [bids]}
"""
BIDS = Stream(name="bids", topic="bids", pipeline="house", description="", owner="team:a", dead_letters="bids.dead")
PERSONS = Stream(name="persons", topic="persons", pipeline="house", description="", owner="team:a")
CATALOG = catalog_of([BIDS, PERSONS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Something that is tried by everybody, the grant that it takes, and those that it takes besides."""

    grant: Grant
    besides: tuple[Grant, ...] = ()
    does: Callable[[Client, str], None]
    on: str

    @property
    def resource(self) -> str:
        """As errors call it."""
        return str(self.grant.resource)


READ, WRITE = Operation.READ, Operation.WRITE
ANA, SHOP = Resource(Kind.GROUP, "ana-1"), Resource(Kind.TRANSACTIONAL_ID, "shop-1")
# The letter is how the table below calls it.
NEW = Resource(Kind.TOPIC, "new-", Pattern.PREFIXED)
SEES = tuple(Grant(Operation.DESCRIBE, topic_named(name)) for name in sorted(attempts.READ_BY_GROUP))
COLUMNS = {
    "b": Column(grant=Grant(READ, topic_named("bids")), does=attempts.read, on="bids"),
    "p": Column(grant=Grant(READ, topic_named("persons")), does=attempts.read, on="persons"),
    "B": Column(grant=Grant(WRITE, topic_named("bids")), does=attempts.write, on="bids"),
    "P": Column(grant=Grant(WRITE, topic_named("persons")), does=attempts.write, on="persons"),
    "D": Column(grant=Grant(WRITE, topic_named("bids.dead")), does=attempts.write, on="bids.dead"),
    "T": Column(grant=Grant(WRITE, SHOP), does=attempts.transact, on="shop-1"),
    "g": Column(grant=Grant(READ, ANA), does=attempts.join, on="ana-1"),
    "s": Column(
        grant=Grant(Operation.DESCRIBE, Resource(Kind.GROUP, EVERY)),
        does=attempts.see_groups,
        on=SEEN_GROUP,
        besides=SEES,
    ),
    "d": Column(grant=Grant(Operation.DESCRIBE, topic_named("unheard-of")), does=attempts.describe, on="unheard-of"),
    "c": Column(grant=Grant(Operation.CREATE, NEW), does=attempts.create, on="new"),
    "C": Column(grant=Grant(Operation.ALTER_CONFIGS, topic_named("bids")), does=attempts.alter_topic, on="bids"),
    "a": Column(grant=Grant(Operation.DESCRIBE, CLUSTER), does=attempts.see_acls, on=""),
    "A": Column(grant=Grant(Operation.ALTER, CLUSTER), does=attempts.alter_acls, on="bids"),
    "Q": Column(grant=Grant(Operation.ALTER_CONFIGS, CLUSTER), does=attempts.alter_quota, on="nobody"),
}
# Written by hand, and not computed: what each may do, by the letters above. Everything else is forbidden.
MATRIX = {
    "broker": "bpBPDTgsdcCaAQ",
    "admin": "dcCaAQ",
    "planner": "bp",
    "worker": "bp",
    "dead-letters": "D",
    "watcher": "s",
    "operator": "bps",
    "sampler": "bpd",
    "auction-house": "bpBP",
    "web-shop": "BT",
    "billing": "P",
    "ana": "bg",
    "ben": "p",
    "cem": "bpg",
    "dan": "bpsD",
    "eve": "bdcCaAQ",
    "stranger": "",  # has a certificate, and nobody has named it
}
PEOPLE = ("ana", "ben", "cem", "dan", "eve")


@contextmanager
def opened(folder: Path) -> Generator[Side]:
    """A broker with the declared access, a record in each topic and a group that has read."""
    names = tuple(name for name in MATRIX if name not in PEOPLE)
    with running_secured_kafka(folder / "kafka", read_settings().jar_dir, names) as kafka:
        ground = Ground(kafka=kafka, passwords=folder / "passwords")
        file = parse_access(FILE)
        declared = DeclaredAccess(streams=CATALOG, file=file, wanted=wanted_state(CATALOG, file))
        with closing(Client(kafka.shown(PartName.BROKER))) as client:
            bring_about(client, declared, password_of=passwords_in(ground.passwords))
            for topic in ("bids", "persons"):
                attempts.write(client, topic)
        _commit(kafka.shown(PartName.BROKER))
        acls = {item for item in declared.wanted if isinstance(item, Acl)}
        yield Side(cells=ground.cells(), flips=(*ground.taken(acls), *ground.given()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The broker, and how each principal of the matrix connects to it."""

    kafka: SecuredKafka
    passwords: Path

    def cluster(self, principal: str) -> Cluster:
        """As that principal."""
        if principal in PEOPLE:
            return self.kafka.known(principal, self.passwords / principal)
        return self.kafka.shown(principal)

    def cells(self) -> tuple[Cell, ...]:
        """Every principal by every column."""
        return tuple(self._cell(who, letter) for who in MATRIX for letter in COLUMNS)

    def taken(self, acls: set[Acl]) -> list[Flip]:
        """Each ACL that there is, taken away."""
        return [
            Flip(name=f"without: {acl}", turned=partial(self._turned, acl, given=False), turns=_turned_by(acl))
            for acl in sorted(acls)
        ]

    def given(self) -> list[Flip]:
        """Each ACL that there is not, though the matrix has a cell for it."""
        missing = [(who, each) for who in MATRIX for letter, each in COLUMNS.items() if letter not in MATRIX[who]]
        acls = [
            (Acl(user_named(who), column.grant.resource, column.grant.operation), who, column)
            for who, column in missing
        ]
        return [
            Flip(name=f"with: {acl}", turned=partial(self._turned, acl, given=True), turns=(_name(who, column),))
            for acl, who, column in acls
        ]

    def _cell(self, principal: str, letter: str) -> Cell:
        column = COLUMNS[letter]
        return Cell(
            system=SYSTEM,
            principal=principal,
            operation=str(column.grant.operation),
            resource=column.resource,
            is_allowed=letter in MATRIX[principal],
            attempt=lambda: self._attempt(principal, column),
            refusals=(AclMissingError,),
            # the first of several steps that is denied is the one named: a reader is denied to Describe
            says=(f"{user_named(principal)} may not ", column.resource.rstrip("*"), "ap access apply"),
        )

    def _attempt(self, principal: str, column: Column) -> None:
        with closing(Client(self.cluster(principal))) as client:
            client.patiently(lambda: column.does(client, column.on), PATIENCE_SECONDS)

    @contextmanager
    def _turned(self, acl: Acl, *, given: bool) -> Generator[None]:
        """An ACL given, or taken away, for as long as the context lasts."""
        self._change(acl, wanted=given)
        try:
            yield
        finally:
            self._change(acl, wanted=not given)

    def _change(self, acl: Acl, *, wanted: bool) -> None:
        difference = Difference(item=acl, wanted="" if wanted else None, found=None if wanted else "")
        with closing(Client(self.kafka.shown(PartName.BROKER))) as client:
            client.patiently(lambda: apply(client, [difference], {}, lambda _: ""), PATIENCE_SECONDS)


def _name(principal: str, column: Column) -> str:
    return f"{SYSTEM}: {principal} {column.grant.operation} {column.resource}"


def _turned_by(acl: Acl) -> tuple[str, ...]:
    """The cells that cannot be allowed without an ACL."""
    who = acl.principal.removeprefix("User:")
    granted: Mapping[str, Column] = {letter: COLUMNS[letter] for letter in MATRIX[who]}
    return tuple(_name(who, column) for column in granted.values() if _is_needed(acl, column))


def _is_needed(acl: Acl, column: Column) -> bool:
    return any(_covers(acl, grant) for grant in (column.grant, *column.besides))


def _covers(acl: Acl, grant: Grant) -> bool:
    theirs, ours = grant.resource, acl.resource
    if theirs.kind is not ours.kind or acl.operation is not grant.operation:
        return False
    is_prefix = ours.pattern is Pattern.PREFIXED
    return ours.name == EVERY or (theirs.name.startswith(ours.name) if is_prefix else theirs.name == ours.name)


def _commit(cluster: Cluster) -> None:
    """Let a group have committed offsets, so that there is one to see."""
    consumer = Consumer({**for_librdkafka(cluster), "group.id": SEEN_GROUP})
    read = [TopicPartition(name, 0, 1) for name in sorted(attempts.READ_BY_GROUP)]
    consumer.commit(offsets=read, asynchronous=False)
    consumer.close()
