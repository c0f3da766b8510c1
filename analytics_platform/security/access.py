"""What a cluster is to have and what it has, as the same flat values; and in what the two differ. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from analytics_platform.security.acl import USER, Acl

REMOVE = "`ap access apply --remove` takes it away"
Entity = tuple[tuple[str, str], ...]  # whom a quota is for, as Kafka has it: (("user", "ana"),)
DEFAULT = "<default>"  # as an entity's name: everybody who has no quota of their own


class Layout(StrEnum):
    """What a topic has beside its configuration; neither is changed once it holds records."""

    PARTITIONS = "partitions"
    REPLICAS = "replicas"


@dataclass(frozen=True, slots=True)
class Topic:
    """That a topic is there."""

    name: str

    def __str__(self) -> str:
        return f"topic {self.name}"


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """How many partitions or replicas a topic has."""

    topic: str
    what: Layout

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.what}"


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """What one key of a topic's configuration says."""

    topic: str
    key: str

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.key}"


@dataclass(frozen=True, slots=True)
class Password:
    """That somebody has a password, kept for one mechanism."""

    user: str
    mechanism: str = "SCRAM-SHA-512"

    def __str__(self) -> str:
        return f"password of {self.user} for {self.mechanism}"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of something somebody may take."""

    entity: Entity
    key: str

    def __str__(self) -> str:
        return f"quota of {', '.join(f'{kind} {name}' for kind, name in self.entity)}: {self.key}"


Item = Topic | TopicLayout | TopicConfig | Password | Quota | Acl
State = Mapping[Item, str]  # what each says; "" where it is enough that it is there
RANK = (Topic, TopicLayout, TopicConfig, Password, Quota, Acl)  # a topic before what is said of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """What on the cluster is somebody else's; a name that ends in `*` stands for all that begin so."""

    principals: frozenset[str] = field(default_factory=frozenset)
    topics: frozenset[str] = field(default_factory=frozenset)

    def covers(self, item: Item) -> bool:
        """Whether an item is none of ours."""
        match item:
            case Topic(name=name) | TopicLayout(topic=name) | TopicConfig(topic=name):
                return _is_among(name, self.topics)
            case Password(user=name):
                return _is_among(name, self.principals)
            case Quota(entity=entity):
                return any(kind == "user" and _is_among(name, self.principals) for kind, name in entity)
            case Acl(principal=principal):
                return _is_among(principal.removeprefix(USER), self.principals)


class Drift(StrEnum):
    """In which way an item differs."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One item that is not as it is to be; None: it is not to be there, or is not there."""

    item: Item
    wanted: str | None
    found: str | None

    @property
    def state(self) -> Drift:
        """In which way it differs."""
        if self.wanted is None:
            return Drift.EXTRA
        return Drift.MISSING if self.found is None else Drift.DIFFERENT

    @property
    def is_extra(self) -> bool:
        """Whether it is there and nobody declared it."""
        return self.state is Drift.EXTRA

    @property
    def remedy(self) -> str:
        """What to do about it."""
        match self.item:
            case TopicLayout(what=Layout.PARTITIONS):
                return "declare what is there, or move to a new topic: a key's records lie where the old count put them"
            case TopicLayout():
                return "declare what is there, or reassign the partitions with Kafka's own tool"
            case Topic() if self.is_extra:
                return "declare it under `topics`, or as `unmanaged`; if nobody needs its records, delete it yourself"
            case Password() if not self.is_extra:
                return "`ap access apply --passwords DIR` makes one and leaves it there"
        return REMOVE if self.is_extra else "`ap access apply` mends it"

    def is_applicable(self, *, removes: bool, has_passwords: bool) -> bool:
        """Whether applying does something about it."""
        match self.item:
            case TopicLayout():
                return False
            case Topic() if self.is_extra:
                return False
            case Password() if not self.is_extra:
                return has_passwords
        return removes or not self.is_extra

    def __str__(self) -> str:
        if self.state is Drift.DIFFERENT:
            return f"{self.state}: {self.item} is {self.found}, is to be {self.wanted}"
        value = self.found or self.wanted
        return f"{self.state}: {self.item}{f' = {value}' if value else ''}"


def differences(wanted: State, found: State, unmanaged: Unmanaged) -> list[Difference]:
    """All of them, in an order of their own: the same states always give the same list.

    Of a topic that is missing or extra only that is said: what is wanted of it comes with it. What is not wanted of a
    topic's layout is left to whoever made it.
    """
    lone = {item.name for item in wanted.keys() ^ found.keys() if isinstance(item, Topic)}
    listed = [
        Difference(item=item, wanted=wanted.get(item), found=found.get(item))
        for item in wanted.keys() | found.keys()
        if wanted.get(item) != found.get(item) and not unmanaged.covers(item) and not _goes_with(item, lone, wanted)
    ]
    return sorted(listed, key=lambda each: (RANK.index(type(each.item)), str(each.item)))


def _goes_with(item: Item, lone: set[str], wanted: State) -> bool:
    """Whether an item says nothing of its own: its topic is missing or extra, or its layout is not declared."""
    match item:
        case TopicLayout(topic=topic):
            return topic in lone or item not in wanted
        case TopicConfig(topic=topic):
            return topic in lone
    return False


def _is_among(name: str, patterns: frozenset[str]) -> bool:
    return any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in patterns)
