"""JSON Schema's keywords about single values: whether what the writer says implies what the reader demands. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from analytics_platform.registry.compatibility.findings import BreakKind
from analytics_platform.registry.compatibility.json_parts import (
    Parts,
    Side,
    said,
    text_of,
    types_of,
    values_of,
    widened,
)

Demand = tuple[BreakKind, str]  # what is not implied: its kind and keyword
NUMBERS = frozenset({"integer", "number"})
STRING, ARRAY, OBJECT = frozenset({"string"}), frozenset({"array"}), frozenset({"object"})
LEAST = {"minLength": STRING, "minItems": ARRAY, "minProperties": OBJECT}
MOST = {"maxLength": STRING, "maxItems": ARRAY, "maxProperties": OBJECT}
VERBATIM = {  # implied by the same words only; the writer may be stricter in ways that nobody can prove
    "pattern": (BreakKind.BOUND, STRING),
    "format": (BreakKind.LOGICAL_TYPE, STRING | NUMBERS),
    "contentEncoding": (BreakKind.LOGICAL_TYPE, STRING),
    "contentMediaType": (BreakKind.LOGICAL_TYPE, STRING),
}


def unmet(parts: Parts, reader: Side) -> Iterator[Demand]:
    """The keywords of the reader that documents of these parts may not keep."""
    demanded = reader.keywords
    for keyword, demand in demanded.items():
        rule = RULES.get(keyword)
        if rule is not None and not rule(parts, keyword, demand, demanded) and not _all_keep(parts, reader, keyword):
            yield KINDS.get(keyword, BreakKind.BOUND), keyword


def _all_keep(parts: Parts, reader: Side, keyword: str) -> bool:
    """Whether the writer's values can be listed, and each keeps the keyword; formats are not judged by trying."""
    values = values_of(parts)
    if values is None or keyword in VERBATIM:
        return False
    neighbours = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
    wanted = (keyword, neighbours.get(keyword, keyword))
    judge = reader.schema.validator({k: reader.keywords[k] for k in wanted if k in reader.keywords})
    return all(judge.is_valid(value) for value in values)


def _type(parts: Parts, _keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    return types_of(parts) <= widened(demand if isinstance(demand, list) else [demand])


def _listed(parts: Parts, _keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    """`enum`: every value that the writer may write must be listed."""
    values, listed = values_of(parts), {text_of(value) for value in demand}
    if values is not None:
        return all(text_of(value) in listed for value in values)
    endless = types_of(parts) - {"null", "boolean"}
    needed = {"null": {"null"}, "boolean": {"true", "false"}}
    return not endless and all(needed[name] <= listed for name in types_of(parts))


def _constant(parts: Parts, keyword: str, demand: Any, all_: Mapping[str, Any]) -> bool:
    return _listed(parts, keyword, [demand], all_)


def _least(parts: Parts, keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    lowest = max([0, *said(parts, keyword)])
    if keyword == "minProperties":
        lowest = max(lowest, len({name for names in said(parts, "required") for name in names}))
    return not types_of(parts) & LEAST[keyword] or lowest >= demand


def _most(parts: Parts, keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    return not types_of(parts) & MOST[keyword] or any(most <= demand for most in said(parts, keyword))


def _verbatim(parts: Parts, keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    return not types_of(parts) & VERBATIM[keyword][1] or demand in said(parts, keyword)


def _minimum(parts: Parts, keyword: str, demand: Any, all_: Mapping[str, Any]) -> bool:
    """Both `minimum` and `exclusiveMinimum`, which is true or false beside the former in draft 4."""
    if not types_of(parts) & NUMBERS or isinstance(demand, bool):
        return True
    is_strict = keyword == "exclusiveMinimum" or all_.get("exclusiveMinimum") is True
    return any(low > demand or (low == demand and (out or not is_strict)) for low, out in _bounds(parts, "Minimum"))


def _maximum(parts: Parts, keyword: str, demand: Any, all_: Mapping[str, Any]) -> bool:
    if not types_of(parts) & NUMBERS or isinstance(demand, bool):
        return True
    is_strict = keyword == "exclusiveMaximum" or all_.get("exclusiveMaximum") is True
    return any(high < demand or (high == demand and (out or not is_strict)) for high, out in _bounds(parts, "Maximum"))


def _bounds(parts: Parts, name: str) -> Iterator[tuple[float, bool]]:
    """The bounds of the parts, each with whether it is excluded itself."""
    for part in parts:
        exclusive = part.keywords.get(f"exclusive{name}")
        if name.lower() in part.keywords:
            yield part.keywords[name.lower()], exclusive is True
        if exclusive is not None and not isinstance(exclusive, bool):
            yield exclusive, True


def _multiple(parts: Parts, keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    """Whole numbers are compared as numbers, others by their words: validators divide them with an error."""
    if not types_of(parts) & NUMBERS:
        return True
    if not isinstance(demand, int):
        return any(text_of(demand) == text_of(known) for known in said(parts, keyword))
    is_whole = "number" not in types_of(parts)
    return (is_whole and demand == 1) or any(
        isinstance(known, int) and known % demand == 0 for known in said(parts, keyword)
    )


def _unique(parts: Parts, keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    is_short = any(most <= 1 for most in said(parts, "maxItems"))
    return not demand or not types_of(parts) & ARRAY or is_short or True in said(parts, keyword)


def _required(parts: Parts, _keyword: str, demand: Any, _all: Mapping[str, Any]) -> bool:
    known = {name for names in said(parts, "required") for name in names}
    return not types_of(parts) & OBJECT or set(demand) <= known


Rule = Callable[[Parts, str, Any, Mapping[str, Any]], bool]
RULES: Mapping[str, Rule] = {
    "type": _type,
    "enum": _listed,
    "const": _constant,
    "minimum": _minimum,
    "exclusiveMinimum": _minimum,
    "maximum": _maximum,
    "exclusiveMaximum": _maximum,
    "multipleOf": _multiple,
    "uniqueItems": _unique,
    "required": _required,
    **dict.fromkeys(LEAST, _least),
    **dict.fromkeys(MOST, _most),
    **dict.fromkeys(VERBATIM, _verbatim),
}
KINDS: Mapping[str, BreakKind] = {
    "type": BreakKind.TYPE,
    "enum": BreakKind.SYMBOLS,
    "const": BreakKind.SYMBOLS,
    "required": BreakKind.REQUIRED,
    **{keyword: kind for keyword, (kind, _) in VERBATIM.items()},
}
