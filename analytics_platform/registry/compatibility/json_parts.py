"""A writer's JSON Schema taken apart: alternatives, each a list of parts that all hold for every document. Pure.

A part may be left out, and then more documents are thought possible than there are: what is proved of them holds of the
real ones. So whatever cannot be taken apart is left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from referencing._core import Resolver
from referencing.exceptions import Unresolvable

from analytics_platform.registry.compatibility.json_schema import DRAFT_07, JsonSchema, inside

DRAFT_04, DRAFT_06 = "http://json-schema.org/draft-04/schema", "http://json-schema.org/draft-06/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
LONE_REFERENCES = (DRAFT_04, DRAFT_06, DRAFT_07)  # dialects in which `$ref` makes its neighbours void
UNKNOWN_KEYWORDS: Mapping[str, frozenset[str]] = {  # which keywords of later dialects mean nothing yet
    DRAFT_04: frozenset({"const", "contains", "propertyNames", "if", "then", "else", "prefixItems"}),
    DRAFT_06: frozenset({"if", "then", "else", "prefixItems"}),
    DRAFT_07: frozenset({"prefixItems"}),
    DRAFT_2020: frozenset({"additionalItems"}),
}
MOST_ALTERNATIVES = 256
EVERY_TYPE = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
COMBINATORS = ("$ref", "allOf", "anyOf", "oneOf")


class UndecidableError(Exception):
    """The pair cannot be judged; whoever asked takes it for a break."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A schema, and what its references are resolved with."""

    source: Any
    resolver: Resolver
    schema: JsonSchema

    def within(self, source: Any) -> "Side":
        """A schema inside this one."""
        return Side(source, inside(self.resolver, source, self.schema), self.schema)

    def target(self) -> "Side | None":
        """Where `$ref` leads; None if nowhere."""
        try:
            found = self.resolver.lookup(self.source["$ref"])
        except (Unresolvable, ValueError, LookupError, TypeError):
            return None
        return Side(found.contents, found.resolver, self.schema)

    @property
    def keywords(self) -> dict[str, Any]:
        """What a validator of this dialect reads; empty for true and false."""
        if not isinstance(self.source, Mapping):
            return {}
        unknown = UNKNOWN_KEYWORDS.get(self.schema.dialect, frozenset())
        is_lone = "$ref" in self.source and self.schema.dialect in LONE_REFERENCES
        return {k: v for k, v in self.source.items() if k not in unknown and (k == "$ref" or not is_lone)}


@dataclass(frozen=True)
class Part:
    """Keywords that hold for every document of an alternative; combinators are taken out of them."""

    side: Side
    keywords: Mapping[str, Any]
    only_type: str | None = field(default=None)

    @cached_property
    def types(self) -> frozenset[str]:
        """The types that a value may have; `number` stands for those that are no integers."""
        if self.only_type:
            return widened([self.only_type])
        named = self.keywords.get("type")
        found = EVERY_TYPE if named is None else widened(named if isinstance(named, list) else [named])
        values = self.values
        return found if values is None else found & frozenset().union(*map(types_like, values))

    @property
    def values(self) -> list[Any] | None:
        """The values of `const` or `enum`; None if there are endless ones."""
        if "const" in self.keywords:
            return [self.keywords["const"]]
        return self.keywords.get("enum")


Parts = Sequence[Part]


def widened(names: Iterable[str]) -> frozenset[str]:
    """The names of types, with integers where numbers may be."""
    found = frozenset(names)
    return found | {"integer"} if "number" in found else found


def types_like(value: Any) -> frozenset[str]:
    """The JSON types that a value counts for: 1.0 is an integer in all dialects but draft 4."""
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case int():
            return frozenset({"integer"})
        case float():
            return frozenset({"number", "integer"} if value.is_integer() else {"number"})
    return frozenset({"object"})


def alternatives(sides: Iterable[Side]) -> list[tuple[Part, ...]]:
    """What documents that are valid under all of these may look like; none if nothing is valid."""
    found = _product([_alternatives(side, frozenset()) for side in sides])
    return [parts for parts in found if not parts or frozenset.intersection(*(part.types for part in parts))]


def _alternatives(side: Side, followed: frozenset[int]) -> list[tuple[Part, ...]]:
    if side.source is False:
        return []
    if id(side.source) in followed or not isinstance(side.source, Mapping):
        return [()]
    keywords, below = side.keywords, followed | {id(side.source)}
    factors = [_typed(side, {k: v for k, v in keywords.items() if k not in COMBINATORS})]
    target = side.target() if "$ref" in keywords else None
    if target is not None:
        factors.append(_alternatives(target, below))
    factors += [_alternatives(side.within(each), below) for each in keywords.get("allOf", ())]
    for combinator in ("anyOf", "oneOf"):
        if combinator in keywords:
            ways = [way for each in keywords[combinator] for way in _alternatives(side.within(each), below)]
            factors.append(ways if len(ways) <= MOST_ALTERNATIVES else [()])
    return _product(factors)


def _typed(side: Side, keywords: dict[str, Any]) -> list[tuple[Part, ...]]:
    """One alternative for each type that is named; with its number an integer is one already."""
    named = keywords.get("type")
    if not isinstance(named, list) or len(named) < 2:
        return [(Part(side, keywords),)]
    return [(Part(side, keywords, name),) for name in named]


def _product(factors: Sequence[list[tuple[Part, ...]]]) -> list[tuple[Part, ...]]:
    """One way of each factor; factors that would make too many are left out, unless nothing fits them."""
    kept, count = [], 1
    for factor in sorted(factors, key=len):
        if count * len(factor) <= MOST_ALTERNATIVES:
            kept.append(factor)
            count *= len(factor)
    return [tuple(part for way in ways for part in way) for ways in product(*kept)]


def types_of(parts: Parts) -> frozenset[str]:
    """The types that a document of these parts may have."""
    return frozenset.intersection(EVERY_TYPE, *(part.types for part in parts))


def values_of(parts: Parts) -> list[Any] | None:
    """The values that a document may be, if they can be listed; types are heeded."""
    lists = [part.values for part in parts if part.values is not None]
    if not lists:
        return None
    types = types_of(parts)
    return [value for value in min(lists, key=len) if types_like(value) & types]


def said(parts: Parts, keyword: str) -> Iterator[Any]:
    """What the parts say under a keyword."""
    return (part.keywords[keyword] for part in parts if keyword in part.keywords)


def text_of(value: Any) -> str:
    """JSON in which true is not 1."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def refers(value: Any) -> bool:
    """Whether a reference, or what looks like one, is anywhere inside."""
    if isinstance(value, Mapping):
        return any(k in ("$ref", "$dynamicRef", "$recursiveRef") or refers(v) for k, v in value.items())
    return isinstance(value, list) and any(refers(each) for each in value)
