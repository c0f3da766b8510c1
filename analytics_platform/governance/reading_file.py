"""`reading.yaml`, read into who may read what. Pure: text in, policy out.

    tables:                                   # the first that fits decides
      - {tables: "bids/*", roles: [engineer, on-call]}
    columns:
      - {columns: "persons.city", roles: everybody}
    tags:                                     # of personal data, as schemas say them
      email: [steward]

An admin sees what anybody sees: nobody could look after what they cannot read.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.reading import Entry, Reading
from analytics_platform.security.roles import EVERYBODY, Role
from analytics_platform.yaml_text import read_yaml

READING_FILE = "reading.yaml"
KEYS = ("tables", "columns", "tags")


def parse_reading(text: str | None, where: str = READING_FILE) -> Reading:
    """Who may read what; without a file what holds anyway. Raises DeclarationError, which names the entry."""
    return Reading() if text is None else _parsed(text, where)


@lru_cache(maxsize=16)
def _parsed(text: str, where: str) -> Reading:
    content = read_yaml(text, where).value or {}
    if not isinstance(content, Mapping) or not set(content) <= set(KEYS):
        raise DeclarationError(where, "says something unknown", f"use {', '.join(KEYS)}, and nothing else")
    tags = content.get("tags") or {}
    if not isinstance(tags, Mapping):
        raise DeclarationError(f"{where}, tags", "are no mapping", "write `email: [steward]`")
    return Reading(
        tables=_entries(content, "tables", where),
        columns=_entries(content, "columns", where),
        tags={str(tag): _roles(said, f"{where}, tag {tag}") for tag, said in tags.items()},
    )


def _entries(content: Mapping[str, Any], key: str, where: str) -> tuple[Entry, ...]:
    listed = content.get(key) or []
    form = f'write {{{key}: "bids/*", roles: [steward]}}'
    if not isinstance(listed, list):
        raise DeclarationError(f"{where}, {key}", "are no list", form)
    found = []
    for number, said in enumerate(listed, 1):
        place = f"{where}, {key} {number}"
        if not isinstance(said, Mapping) or set(said) != {key, "roles"} or not isinstance(said[key], str):
            raise DeclarationError(place, "is no entry", form)
        found.append(Entry(pattern=said[key], roles=_roles(said["roles"], place)))
    return tuple(found)


def _roles(said: Any, where: str) -> frozenset[Role]:
    if said == "everybody":
        return EVERYBODY
    if not isinstance(said, list) or not all(isinstance(each, str) and each in set(Role) for each in said):
        raise DeclarationError(where, f"roles are {said!r}", f"list some of {', '.join(Role)}, or write everybody")
    return frozenset({Role.ADMIN, *map(Role, said)})
