"""Whether every document of one JSON Schema is one of another: proved keyword by keyword, or a break. Pure.

What the writer says is taken apart into alternatives; each must imply everything that the reader demands. A keyword
that no rule understands is implied only by the same words, without references in them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analytics_platform.registry.compatibility.findings import BreakKind, Finding, Trail
from analytics_platform.registry.compatibility.json_objects import Below, items, may_be, names, others, properties
from analytics_platform.registry.compatibility.json_parts import (
    Part,
    Parts,
    Side,
    UndecidableError,
    alternatives,
    refers,
    said,
    text_of,
    types_of,
    values_of,
)
from analytics_platform.registry.compatibility.json_scalars import unmet
from analytics_platform.registry.compatibility.json_schema import JsonSchema, walk

MOST_STEPS = 20_000  # a pair that needs more is not judged; a hundred plain fields take about 700
SHOWN = 90  # characters of a schema in a message
BY_WORDS = ("not", "dependencies", "dependentRequired", "dependentSchemas", "contains")
WITH_NEIGHBOURS = {  # keywords whose meaning hangs on others
    "contains": ("contains", "minContains", "maxContains"),
    "if": ("if", "then", "else"),
}
NEVER = (  # their meaning hangs on all of their schema, or on who refers to it
    *("unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"),
)


def unprovable(writer: JsonSchema, reader: JsonSchema) -> list[Finding]:
    """Why documents of the writer may not all be valid for the reader; empty if it is proved that they are."""
    dialects = sorted({*_dialects(writer), *_dialects(reader)})
    if len(dialects) > 1:
        return [Finding(kind=BreakKind.FORMAT, path="", written=", ".join(dialects), read="one dialect")]
    comparison = _Comparison()
    try:
        sides = (Side(writer.source, writer.resolver, writer),)
        comparison.compare(sides, Side(reader.source, reader.resolver, reader), Trail())
    except (UndecidableError, RecursionError) as error:
        return [Finding(kind=BreakKind.UNDECIDED, path="", written=str(error), read="a proof")]
    return list(dict.fromkeys(comparison.found))


def _dialects(schema: JsonSchema) -> Iterator[str]:
    """The dialects of a schema, of those inside it, and of those that it refers to."""
    yield schema.dialect
    for _, below, _ in walk(schema.source, schema):
        if isinstance(below, Mapping) and isinstance(below.get("$schema"), str):
            yield below["$schema"].removesuffix("#")
    for reference in schema.references.values():
        yield from _dialects(reference)


class _Comparison:
    """Compares schemas pair by pair. A pair that is being compared further up is assumed to hold: values end."""

    def __init__(self) -> None:
        self.steps = 0
        self.open: dict[tuple[Any, ...], Trail] = {}
        self.found: list[Finding] = []

    def compare(self, written: tuple[Side, ...], read: Side, trail: Trail) -> None:
        """Note what documents that all of `written` describe may not keep of `read`."""
        if read.source is True or read.source == {}:
            return
        for parts in alternatives(written):
            self.require(parts, read, trail)

    def holds(self, parts: Parts, read: Side, trail: Trail) -> bool:
        """Whether `require` finds nothing, without noting anything."""
        before, self.found = self.found, []
        try:
            self.require(parts, read, trail)
            return not self.found
        finally:
            self.found = before

    def contains(self, written: tuple[Side, ...], read: Side, trail: Trail) -> bool:
        """Whether `compare` finds nothing, without noting anything."""
        return all(self.holds(parts, read, trail) for parts in alternatives(written))

    def require(self, parts: Parts, read: Side, trail: Trail) -> None:
        """Note what documents of these parts may not keep of `read`."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise UndecidableError("more cases than can be compared")
        if not isinstance(read.source, Mapping):
            if read.source is False:
                self.note(BreakKind.CONTENT, trail, _shown_parts(parts), "nothing")
            return
        key = (*((id(part.side.source), part.only_type) for part in parts), id(read.source))
        if key in self.open:
            if self.open[key] == trail:
                self.note(BreakKind.UNDECIDED, trail, _shown_parts(parts), "a reference that leads to itself")
            return
        self.open[key] = trail
        try:
            if not _is_same(parts, read):
                self._keywords(parts, read, trail)
        finally:
            del self.open[key]

    def _keywords(self, parts: Parts, read: Side, trail: Trail) -> None:
        found = list(unmet(parts, read))
        for kind, keyword in found:
            self.note(kind, trail, _shown(parts, keyword), f"{keyword}: {_text(read.keywords[keyword])}")
        if any(kind is BreakKind.TYPE for kind, _ in found):
            return
        self._combinators(parts, read, trail)
        self._verbatim(parts, read, trail)
        if may_be(parts, "object"):
            self._object(parts, read, trail)
        if may_be(parts, "array"):
            for below in items(parts, read):
                self._below(below, trail)

    def _combinators(self, parts: Parts, read: Side, trail: Trail) -> None:
        demanded = read.keywords
        if "$ref" in demanded:
            target = read.target()
            if target is None:
                self.note(BreakKind.UNDECIDED, trail, _shown_parts(parts), f"$ref: {demanded['$ref']}")
            else:
                self.require(parts, target, trail)
        for each in demanded.get("allOf", ()):
            self.require(parts, read.within(each), trail)
        ways = [read.within(each) for each in demanded.get("anyOf", ())]
        if ways and not any(self.holds(parts, way, trail) for way in ways):
            self.note(BreakKind.UNION, trail, _shown_parts(parts), f"anyOf: {_text(demanded['anyOf'])}")
        ways = [read.within(each) for each in demanded.get("oneOf", ())]
        if ways and not self._is_one_of(parts, ways, trail) and not self._same_choice(parts, ways, trail):
            self.note(BreakKind.UNION, trail, _shown_parts(parts), f"oneOf: {_text(demanded['oneOf'])}")

    def _is_one_of(self, parts: Parts, ways: list[Side], trail: Trail) -> bool:
        """Whether one way holds for all documents, and every other for none."""
        for place, way in enumerate(ways):
            if self.holds(parts, way, trail):
                return all(excludes(parts, other) for i, other in enumerate(ways) if i != place)
        return False

    def _same_choice(self, parts: Parts, ways: list[Side], trail: Trail) -> bool:
        """Whether the writer has a `oneOf` of the same ways: what is one of them there is one of them here."""
        for part in parts:
            theirs = [part.side.within(each) for each in part.side.keywords.get("oneOf", ())]
            if len(theirs) == len(ways) and all(
                self.contains((one,), other, trail) and self.contains((other,), one, trail)
                for one, other in zip(theirs, ways, strict=True)
            ):
                return True
        return False

    def _verbatim(self, parts: Parts, read: Side, trail: Trail) -> None:
        """What only the same words imply."""
        demanded = read.keywords
        for keyword in (*BY_WORDS, "if", *NEVER):
            if keyword not in demanded or (keyword == "if" and not {"then", "else"} & demanded.keys()):
                continue
            heeded = WITH_NEIGHBOURS.get(keyword, (keyword,))
            if keyword in NEVER or not any(_says_same(part, demanded, heeded) for part in parts):
                self.note(BreakKind.UNDECIDED, trail, _shown(parts, keyword), f"{keyword}: {_text(demanded[keyword])}")

    def _object(self, parts: Parts, read: Side, trail: Trail) -> None:
        for below in properties(parts, read):
            self._below(below, trail)
        for below in names(parts, read):
            self._below(below, trail)
        demands = ("additionalProperties", "patternProperties")
        if not any(keyword in read.keywords for keyword in demands):
            return
        if not any(all(self._fits(below, trail) for below in others(part, read)) for part in parts):
            for below in others(parts[0], read) if parts else ():
                self._below(below, trail)
            if not parts:
                self.note(BreakKind.CONTENT, trail, "anything", _text(read.source))

    def _fits(self, below: Below, trail: Trail) -> bool:
        return self.contains(below.written, below.read, trail.into(below.step))

    def _below(self, below: Below, trail: Trail) -> None:
        inner = trail.into(below.step)
        if below.is_open and not self._fits(below, trail):
            written = " and ".join(_text(side.source) for side in below.written) or "anything"
            self.note(BreakKind.CONTENT, inner, f"not named, so {written}", _text(below.read.source))
        elif below.read.source is False and not self._fits(below, trail):
            written = " and ".join(_text(side.source) for side in below.written)
            self.note(BreakKind.CONTENT, inner, written, "not named, and nothing else is allowed")
        elif not below.is_open:
            self.compare(below.written, below.read, inner)

    def note(self, kind: BreakKind, trail: Trail, written: str, read: str) -> None:
        """Keep a finding."""
        self.found.append(Finding(kind=kind, path=trail.path, written=written, read=read))


def excludes(parts: Parts, way: Side) -> bool:
    """Whether no document of these parts is one of that schema: other types, or another constant in a field."""
    return all(_are_apart(parts, other) for other in alternatives((way,)))


def _are_apart(parts: Parts, other: Parts) -> bool:
    if not types_of(parts) & types_of(other) or _have_no_value(values_of(parts), values_of(other)):
        return True
    if types_of(parts) != {"object"}:
        return False
    required = {name for listed in said(parts, "required") for name in listed}
    return any(_have_no_value(_constants(parts, name), _constants(other, name)) for name in required)


def _have_no_value(ours: list[Any] | None, theirs: list[Any] | None) -> bool:
    """Whether both are lists without a value in common; 1 and 1.0 are one value."""
    if ours is None or theirs is None:
        return False
    return not any(one == other for one in ours for other in theirs)


def _constants(parts: Parts, name: str) -> list[Any] | None:
    for part in parts:
        source = part.keywords.get("properties", {}).get(name)
        if isinstance(source, Mapping) and "$ref" not in source:
            values = Part(part.side.within(source), part.side.within(source).keywords).values
            if values is not None:
                return values
    return None


def _is_same(parts: Parts, read: Side) -> bool:
    """Whether a part says just what is demanded, in the same words."""
    return not refers(read.source) and any(text_of(part.side.source) == text_of(read.source) for part in parts)


def _says_same(part: Part, demanded: Mapping[str, Any], keywords: Iterable[str]) -> bool:
    said_, wanted = ({k: source[k] for k in keywords if k in source} for source in (part.side.keywords, demanded))
    return not refers(wanted) and text_of(said_) == text_of(wanted)


def _shown(parts: Parts, keyword: str) -> str:
    words = [f"{keyword}: {_text(value)}" for value in said(parts, keyword)]
    return " and ".join(words) or f"no {keyword}"


def _shown_parts(parts: Parts) -> str:
    return " and ".join(_text(part.side.source) for part in parts) or "anything"


def _text(source: Any) -> str:
    text = text_of(source)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
