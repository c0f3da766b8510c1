"""What a cluster is to have: it follows from the declared streams and from `access.yaml`. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Catalog
from analytics_platform.security.access import (
    DEFAULT,
    Item,
    Layout,
    Password,
    Quota,
    State,
    Topic,
    TopicConfig,
    TopicLayout,
)
from analytics_platform.security.access_file import EACH_STREAM, AccessFile, DeclaredPrincipal, DeclaredTopic, Shows
from analytics_platform.security.acl import Acl, Grant, Kind, Operation, Pattern, Resource, topic_named, user_named
from analytics_platform.security.parts import PartName, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody whom the broker knows, what they show, and all that they may do."""

    name: str
    shows: Shows
    grants: frozenset[Grant]
    quotas: Mapping[str, str] = field(default_factory=dict, hash=False)


def wanted_state(declared: Catalog, file: AccessFile) -> State:
    """Every topic, setting, password, quota and ACL. Raises DeclarationError for a name that is nowhere declared."""
    found: dict[Item, str] = {}
    for name, kept in wanted_topics(declared, file).items():
        found |= _of_topic(name, kept)
    for principal in wanted_principals(declared, file):
        found |= {Acl(user_named(principal.name), each.resource, each.operation): "" for each in principal.grants}
        found |= _of_quotas(principal.name, principal.quotas)
        if principal.shows is Shows.PASSWORD:
            found[Password(principal.name)] = ""
    return found | _of_quotas(DEFAULT, file.quotas)


def wanted_topics(declared: Catalog, file: AccessFile) -> dict[str, DeclaredTopic]:
    """By name, how each topic is kept: as its own entry says, then as `*` says, then as its stream declares."""
    streams = declared.streams.values()
    partitions = {stream.dead_letters: stream.partitions for stream in streams if stream.dead_letters}
    partitions |= {stream.topic: stream.partitions for stream in streams}
    found = {name: _merged(name, count, file) for name, count in partitions.items()}
    for name, own in file.topics.items():
        if name in found or name == EACH_STREAM:
            continue
        if own.partitions is None:
            problem = f"topic {name} is no stream's, and does not say how many partitions it has"
            raise DeclarationError(f"{file.where}, line {own.line}", problem, _instead(name, partitions))
        found[name] = own
    return dict(sorted(found.items()))


def wanted_principals(declared: Catalog, file: AccessFile) -> list[Principal]:
    """The platform's parts that may do something, and everybody whom the file names; by name."""
    grants = {part.name: part.grants for part in parts_of(declared)}
    topics = wanted_topics(declared, file)
    found = [Principal(name=str(name), shows=Shows.CERTIFICATE, grants=granted) for name, granted in grants.items()]
    for each in file.principals.values():
        _require_possible(each, topics, file)
        copied = grants[each.like] if each.like else frozenset()
        own = Principal(name=each.name, shows=each.shows, grants=copied | set(_granted(each)), quotas=each.quotas)
        found.append(own)
    return sorted((each for each in found if each.grants or each.name in file.principals), key=lambda each: each.name)


def _merged(name: str, partitions: int, file: AccessFile) -> DeclaredTopic:
    own, each = file.topics.get(name, DeclaredTopic()), file.topics.get(EACH_STREAM, DeclaredTopic())
    return replace(
        own,
        partitions=own.partitions or partitions,
        replicas=own.replicas or each.replicas,
        config={**each.config, **own.config},
    )


def _of_topic(name: str, kept: DeclaredTopic) -> dict[Item, str]:
    layout = {Layout.PARTITIONS: kept.partitions, Layout.REPLICAS: kept.replicas}
    return {
        Topic(name): "",
        **{TopicLayout(name, what): str(count) for what, count in layout.items() if count is not None},
        **{TopicConfig(name, key): value for key, value in kept.config.items()},
    }


def _of_quotas(name: str, quotas: Mapping[str, str]) -> dict[Item, str]:
    return {Quota((("user", name),), key): value for key, value in quotas.items()}


def _granted(each: DeclaredPrincipal) -> Iterator[Grant]:
    yield from (Grant(Operation.READ, topic_named(name)) for name in each.reads)
    yield from (Grant(Operation.WRITE, topic_named(name)) for name in each.writes)
    yield from (Grant(Operation.READ, _resource(Kind.GROUP, name)) for name in each.groups)
    yield from (Grant(Operation.WRITE, _resource(Kind.TRANSACTIONAL_ID, name)) for name in each.transactions)


def _resource(kind: Kind, name: str) -> Resource:
    is_prefix = name.endswith("*")
    return Resource(kind, name[:-1] if is_prefix else name, Pattern.PREFIXED if is_prefix else Pattern.LITERAL)


def _require_possible(each: DeclaredPrincipal, topics: Iterable[str], file: AccessFile) -> None:
    where = f"{file.where}, line {each.line}, principal {each.name}"
    if each.name in set(PartName):
        problem = "is a part of the platform, which gets what the declared streams make it need"
        raise DeclarationError(where, problem, "choose another name")
    if file.unmanaged.covers(Password(each.name)):
        raise DeclarationError(where, "is `unmanaged` as well", "take it out of one of the two places")
    for name in (*each.reads, *each.writes):
        if name not in topics:
            raise DeclarationError(where, f"names topic {name}, which nothing declares", _instead(name, topics))


def _instead(name: str, topics: Iterable[str]) -> str:
    close = get_close_matches(name, list(topics), n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`?" if close else "name a stream's topic, or give it `partitions` under `topics`"
