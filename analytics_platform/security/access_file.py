"""`infra/kafka/access.yaml`, read into values: who produces and reads beside the platform, how topics are kept. Pure.

    topics:
      "*": {replicas: 3, config: {min.insync.replicas: 2}}
    principals:
      web-shop: {about: takes bids, owner: team:shop, shows: certificate, writes: [bids]}
      ana: {about: asks why, owner: team:data, shows: password, reads: [bids], groups: [ana-*]}

Its form is access.schema.json. That names exist is looked at where the declared streams are known: access_wanted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from yaml.nodes import Node

from analytics_platform.errors import DeclarationError
from analytics_platform.security.access import Unmanaged
from analytics_platform.security.parts import PartName
from analytics_platform.yaml_schema import check_text, entry
from analytics_platform.yaml_text import line_of

ACCESS_FILE = "infra/kafka/access.yaml"
EACH_STREAM = "*"  # under `topics`: what holds for each topic that a stream declares
SCHEMA_FILE = Path(__file__).with_name("access.schema.json")
QUOTA_KEYS = {
    "produce_bytes": "producer_byte_rate",
    "consume_bytes": "consumer_byte_rate",
    "request_percent": "request_percentage",
}


class Shows(StrEnum):
    """What somebody shows so that the broker knows them."""

    CERTIFICATE = "certificate"
    PASSWORD = "password"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTopic:
    """How a topic is kept; None is left to the stream, or to the broker."""

    partitions: int | None = None
    replicas: int | None = None
    config: Mapping[str, str] = field(default_factory=dict, hash=False)
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredPrincipal:
    """Who somebody is and what they may do, as it is written; the line is for errors."""

    name: str
    about: str
    owner: str
    shows: Shows
    like: PartName | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    quotas: Mapping[str, str] = field(default_factory=dict, hash=False)
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFile:
    """All that the file says, and where it is."""

    where: str = ACCESS_FILE
    topics: Mapping[str, DeclaredTopic] = field(default_factory=dict, hash=False)
    principals: Mapping[str, DeclaredPrincipal] = field(default_factory=dict, hash=False)
    quotas: Mapping[str, str] = field(default_factory=dict, hash=False)
    unmanaged: Unmanaged = field(default_factory=Unmanaged)


def parse_access(text: str | None, where: str = ACCESS_FILE) -> AccessFile:
    """What a text says; without one, nobody but the platform's parts. Raises DeclarationError for its first fault."""
    if text is None:
        return AccessFile(where=where)
    checked = check_text(text, _schema())
    for fault in checked.faults:
        raise DeclarationError(f"{where}, line {fault.line}", fault.problem, fault.remedy)
    said = checked.value or {}
    topics, principals = said.get("topics", {}), said.get("principals", {})
    return AccessFile(
        where=where,
        topics={name: _topic(each, _line(checked.node, "topics", name)) for name, each in topics.items()},
        principals={
            name: _principal(name, each, _line(checked.node, "principals", name)) for name, each in principals.items()
        },
        quotas=_quotas(said),
        unmanaged=Unmanaged(**{key: frozenset(names) for key, names in said.get("unmanaged", {}).items()}),
    )


@cache
def _schema() -> dict[str, Any]:
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def _line(node: Node | None, part: str, name: str) -> int:
    """The line on which a part's entry begins."""
    pairs = getattr(entry(node, part), "value", [])
    return next((line_of(key) for key, _ in pairs if key.value == name), 1)


def _topic(said: Mapping[str, Any], line: int) -> DeclaredTopic:
    return DeclaredTopic(
        partitions=said.get("partitions"),
        replicas=said.get("replicas"),
        config={key: _as_kafka_writes(value) for key, value in said.get("config", {}).items()},
        line=line,
    )


def _principal(name: str, said: Mapping[str, Any], line: int) -> DeclaredPrincipal:
    lists = {key: tuple(said.get(key, ())) for key in ("reads", "writes", "groups", "transactions")}
    return DeclaredPrincipal(
        name=name,
        about=said["about"],
        owner=said["owner"],
        shows=Shows(said["shows"]),
        like=PartName(said["like"]) if "like" in said else None,
        quotas=_quotas(said),
        line=line,
        **lists,
    )


def _quotas(said: Mapping[str, Any]) -> dict[str, str]:
    return {QUOTA_KEYS[key]: _as_kafka_writes(value) for key, value in said.get("quotas", {}).items()}


def _as_kafka_writes(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
