"""`ids.lock`, which gives each schema version its id for ever, and `subject.yaml`, which says how far each is. Pure.

Each entry is one line, so that git merges two branches that each add one (`merge=union` in .gitattributes), and ends in
a seal over the rest of it: the ids are written by `ap schema sync`, and an edit by hand shows.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import yaml

from analytics_platform.errors import DeclarationError
from analytics_platform.yaml_text import read_yaml

LOCK = "ids.lock"
MOST_IDS = 2**31 - 1  # an id is an int32 on the wire
DIGEST_LENGTH = 64
SEAL_LENGTH = 12
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./%-]*")  # needs no quotes in YAML
HEADING = """\
# Schema ids, given once and never again: the number that stands in front of every record in the Confluent wire format.
# Written by the registry and by `ap schema sync`; the seal shows an edit by hand. How: docs/approve-a-schema.md
schemas:
"""
ENTRY_FORM = "write subject, version, id, guid, sha256 and path"


class VersionState(StrEnum):
    """How far a version is; all but drafts have an id, and their data stays readable."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    ARCHIVED = "archived"  # nothing that is kept needs it; its id stays, and its text
    DELETED = "deleted"  # hidden, and can be seen by who asks for what was deleted
    REMOVED = "removed"  # gone from its subject; its id stays


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEntry:
    """One version's id; `where` is its file and line, `seal` None where it was written by hand."""

    subject: str
    version: int
    id: int
    guid: UUID
    sha256: str
    path: str
    where: str = LOCK
    seal: str | None = None


def parse_lock(text: str, where: str) -> list[LockEntry]:
    """All entries of the lock, in order; raises DeclarationError with the line of what is wrong."""
    content, node = _yaml(text, where)
    if "schemas" not in content or not isinstance(content["schemas"] or [], list):
        raise DeclarationError(where, "has no list `schemas`", "start it with `schemas:`")
    entries = content["schemas"] or []
    if not entries:
        return []
    lines = next(below for key, below in node.value if key.value == "schemas").value
    parsed = [
        _entry(entry, f"{where}, line {line.start_mark.line + 1}") for entry, line in zip(entries, lines, strict=True)
    ]
    _require_unique(parsed)
    return parsed


def seal_of(entry: LockEntry) -> str:
    """What the entry's seal must be."""
    facts = (entry.subject, entry.version, entry.id, entry.guid, entry.sha256, entry.path)
    return sha256("\n".join(map(str, facts)).encode()).hexdigest()[:SEAL_LENGTH]


def line_of(entry: LockEntry) -> str:
    """The entry's line, sealed."""
    subject = entry.subject if PLAIN.fullmatch(entry.subject) else json.dumps(entry.subject, ensure_ascii=False)
    path = entry.path if PLAIN.fullmatch(entry.path) else json.dumps(entry.path, ensure_ascii=False)
    return (
        f"{{id: {entry.id}, subject: {subject}, version: {entry.version}, guid: {entry.guid}, "
        f'sha256: {entry.sha256}, path: {path}, seal: "{seal_of(entry)}"}}'
    )


def with_entries(text: str | None, entries: Iterable[LockEntry]) -> str:
    """The lock with those entries too; what it has already stays as it is, whatever it says."""
    there = {(entry.subject, entry.version) for entry in parse_lock(text, LOCK)} if text else set()
    new = [entry for entry in entries if (entry.subject, entry.version) not in there]
    lines = "".join(f"  - {line_of(entry)}\n" for entry in sorted(new, key=lambda entry: entry.id))
    before = text or HEADING
    return f"{before}{'' if before.endswith(chr(10)) else chr(10)}{lines}"


def unsealed(entries: Iterable[LockEntry]) -> list[LockEntry]:
    """The entries that somebody has written or changed by hand."""
    return [entry for entry in entries if entry.seal != seal_of(entry)]


def parse_states(text: str, where: str) -> dict[int, VersionState]:
    """The state of each version of a stream's values."""
    return version_states(parse_mapping(text, where), where)


def parse_mapping(text: str, where: str) -> Mapping[str, Any]:
    """The mapping that a YAML text is; raises DeclarationError with the line of what is wrong."""
    return _yaml(text, where)[0]


def version_states(content: Mapping[str, Any], where: str) -> dict[int, VersionState]:
    """The state of each version, of a mapping that has `versions`."""
    versions = content.get("versions")
    if not isinstance(versions, Mapping):
        raise DeclarationError(where, "has no mapping `versions`", "add `versions:` with `1: {state: published}`")
    return {_version(number, where): _state(number, about, where) for number, about in versions.items()}


def _version(number: Any, where: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise DeclarationError(where, f"{number!r} is no version", "count versions from 1")
    return number


def _state(number: int, about: Any, where: str) -> VersionState:
    found = about.get("state") if isinstance(about, Mapping) else about
    if found not in list(VersionState):
        remedy = f"write `{number}: {{state: …}}` with one of {', '.join(VersionState)}"
        raise DeclarationError(where, f"version {number} has state {found!r}", remedy)
    return VersionState(found)


def _yaml(text: str, where: str) -> tuple[Mapping[str, Any], yaml.MappingNode]:
    """The mapping in a YAML text, and the node that knows its lines."""
    found = read_yaml(text, where)
    if not isinstance(found.node, yaml.MappingNode):
        raise DeclarationError(where, "is no mapping", "write `name: value` lines")
    return found.value, found.node


def _entry(entry: Any, where: str) -> LockEntry:
    wanted = {"subject": str, "version": int, "id": int, "guid": str, "sha256": str, "path": str}
    if not isinstance(entry, Mapping):
        raise DeclarationError(where, "is no schema", ENTRY_FORM)
    for name, kind in wanted.items():
        if not isinstance(entry.get(name), kind) or isinstance(entry[name], bool):
            raise DeclarationError(where, f"{name} is {entry.get(name)!r}", ENTRY_FORM)
    if not 1 <= entry["id"] <= MOST_IDS or entry["version"] < 1:
        raise DeclarationError(where, f"id {entry['id']}, version {entry['version']}", "count both from 1")
    if len(entry["sha256"]) != DIGEST_LENGTH:
        raise DeclarationError(where, f"sha256 {entry['sha256']!r} is none", "write its 64 hex digits")
    try:
        guid = UUID(entry["guid"])
    except ValueError as error:
        raise DeclarationError(where, f"guid {entry['guid']!r} is none", "restore it from git") from error
    known = {name: entry[name] for name in wanted if name != "guid"}
    return LockEntry(**known, guid=guid, where=where, seal=entry.get("seal"))


def _require_unique(entries: list[LockEntry]) -> None:
    """One entry per version, and one schema per id: only an equal text may share an id."""
    versions: dict[tuple[str, int], LockEntry] = {}
    owners: dict[int, LockEntry] = {}
    highest = max((entry.id for entry in entries), default=0)
    for entry in entries:
        twin = versions.setdefault((entry.subject, entry.version), entry)
        if twin is not entry:
            problem = f"{entry.subject} version {entry.version} has an entry already ({twin.where})"
            raise DeclarationError(entry.where, problem, "keep the older one")
        owner = owners.setdefault(entry.id, entry)
        if owner.guid != entry.guid:
            problem = f"id {entry.id} belongs to {owner.subject} version {owner.version} ({owner.where})"
            raise DeclarationError(entry.where, problem, f"give it id {highest + 1} or higher")
