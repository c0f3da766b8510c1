"""JSON Schema's keywords about objects and arrays: what is compared with what below a value. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from analytics_platform.registry.compatibility.json_parts import (
    DRAFT_2020,
    Part,
    Parts,
    Side,
    UndecidableError,
    said,
    types_of,
)

A_STRING = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Below:
    """Something inside values of both schemas, and where it is; `is_open` if the writer names it nowhere.

    Each of `ways` is what one part of the writer knows: it is one of several schemas. One part that suffices is enough;
    where there is one way only, all parts together describe it.
    """

    step: str
    written: tuple[Side, ...]
    read: Side
    is_open: bool = False


def properties(parts: Parts, reader: Side) -> Iterator[Below]:
    """Every property that is named somewhere, as the writer writes it and the reader demands it."""
    named = [part.keywords.get("properties", {}) for part in parts] + [reader.keywords.get("properties", {})]
    for name in dict.fromkeys(chain.from_iterable(named)):
        sides = [side for part in parts for side, _ in _at(part.side, part.keywords, name)]
        is_open = not any(is_named for part in parts for _, is_named in _at(part.side, part.keywords, name))
        for read, _ in _at(reader, reader.keywords, name):
            yield Below(name, tuple(sides), read, is_open)


def _at(side: Side, keywords: Any, name: str) -> list[tuple[Side, bool]]:
    """The schemas that hold for a property, each with whether its name or a pattern says so."""
    found = []
    if name in keywords.get("properties", {}):
        found.append((side.within(keywords["properties"][name]), True))
    for pattern, source in keywords.get("patternProperties", {}).items():
        if matches(pattern, name):
            found.append((side.within(source), True))
    return found or [(side.within(keywords.get("additionalProperties", True)), False)]


def matches(pattern: str, name: str) -> bool:
    """Whether a property's name is one of a pattern's; raises UndecidableError for what is no expression here."""
    try:
        return re.search(pattern, name) is not None
    except (re.error, RecursionError, OverflowError) as error:
        raise UndecidableError(f"pattern {pattern} is no regular expression in Python") from error


def others(part: Part, reader: Side) -> Iterator[Below]:
    """What one part says of all names that are listed nowhere, against everything that the reader demands of them."""
    ours, theirs = part.keywords.get("patternProperties", {}), reader.keywords.get("patternProperties", {})
    rest = part.side.within(part.keywords.get("additionalProperties", True))
    read_rest = reader.within(reader.keywords.get("additionalProperties", True))
    for pattern, source in theirs.items():
        ways = [ours[pattern]] if pattern in ours else ours.values()
        for way in ways:
            yield Below(f"{{{pattern}}}", (part.side.within(way),), reader.within(source))
        if pattern not in ours:
            yield Below(f"{{{pattern}}}", (rest,), reader.within(source), is_open=True)
    for pattern, source in ours.items():
        if pattern not in theirs:
            yield Below(f"{{{pattern}}}", (part.side.within(source),), read_rest)
    yield Below("{}", (rest,), read_rest, is_open=True)


def names(parts: Parts, reader: Side) -> Iterator[Below]:
    """`propertyNames`."""
    if "propertyNames" in reader.keywords:
        sides = [part.side.within(part.keywords["propertyNames"]) for part in parts if "propertyNames" in part.keywords]
        text = reader.within(A_STRING)
        yield Below("(names)", (text, *sides), reader.within(reader.keywords["propertyNames"]))


def items(parts: Parts, reader: Side) -> Iterator[Below]:
    """The items of arrays: those that have a place of their own, then all further ones."""
    ours = [(part.side, *_items_of(part.side, part.keywords)) for part in parts]
    first, rest = _items_of(reader, reader.keywords)
    places = max([len(first), *(len(known) for _, known, _ in ours)])
    longest = min(said(parts, "maxItems"), default=places + 1)
    for place in range(min(places, int(longest))):
        sides = tuple(side.within(_item(known, others_, place)) for side, known, others_ in ours)
        yield Below(f"[{place}]", sides, reader.within(_item(first, rest, place)))
    if longest > places:
        yield Below("[]", tuple(side.within(others_) for side, _, others_ in ours), reader.within(rest))


def _items_of(side: Side, keywords: Any) -> tuple[Sequence[Any], Any]:
    """The schemas of the first items, and the one of all others."""
    if side.schema.dialect == DRAFT_2020:
        return keywords.get("prefixItems", ()), keywords.get("items", True)
    found = keywords.get("items", True)
    return (found, keywords.get("additionalItems", True)) if isinstance(found, list) else ((), found)


def _item(first: Sequence[Any], rest: Any, place: int) -> Any:
    return first[place] if place < len(first) else rest


def may_be(parts: Parts, name: str) -> bool:
    """Whether a document of these parts may be of that type."""
    return name in types_of(parts)
