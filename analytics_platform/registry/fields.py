"""The fields of a schema one by one, in either format, with what is said of each. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.compatibility import SchemaText, normalize
from analytics_platform.registry.compatibility.avro_schema import PRIMITIVES
from analytics_platform.registry.compatibility.findings import Trail
from analytics_platform.registry.compatibility.json_parts import Side
from analytics_platform.registry.compatibility.normal_form import parsed_json

NUMBERS = frozenset({"int", "long", "float", "double", "integer", "number"})
TEXTS = frozenset({"string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaField:
    """A field: `path` as breaks name it; `kinds` are the types of its values, `logical` what these mean beyond that.

    `holds` are the fields inside it, if any; `pii` and `unit` what the schema itself says of them.
    """

    path: str
    type: str
    kinds: frozenset[str]
    logical: str
    is_optional: bool
    has_default: bool
    default: Any
    doc: str
    pii: str
    unit: str
    holds_fields: bool

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.rpartition(".")[2].rstrip("[]{}")


def fields_of(schema: SchemaText) -> list[SchemaField]:
    """Every field, those inside a field after it; a type inside itself is followed once."""
    if schema.format is SchemaFormat.AVRO:
        return list(_avro(json.loads(normalize(schema)), _definitions(schema), Trail(), ()))
    found = parsed_json(schema)
    return list(_json(Side(found.source, found.resolver, found), Trail(), ()))


def _definitions(schema: SchemaText) -> dict[str, Any]:
    """The named types of a schema and of its references, by full name."""
    found: dict[str, Any] = {}
    for reference in schema.references:
        found |= _definitions(reference.schema)
    return found | dict(_named(json.loads(normalize(schema))))


def _named(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list):
        for each in node:
            yield from _named(each)
    elif isinstance(node, Mapping):
        if "name" in node and node.get("type") in ("record", "error", "enum", "fixed"):
            yield node["name"], node
        for inner in ("items", "values", "type"):
            yield from _named(node.get(inner))
        for field in node.get("fields", ()):
            yield from _named(field["type"])


def _avro(node: Any, known: Mapping[str, Any], trail: Trail, inside: tuple[str, ...]) -> Iterator[SchemaField]:
    if isinstance(node, list):
        for branch in node:
            yield from _avro(branch, known, trail, inside)
    elif isinstance(node, str) and node in known:
        yield from _avro(known[node], known, trail, inside)
    elif isinstance(node, Mapping):
        for inner, step in (("items", "[]"), ("values", "{}")):
            yield from _avro(node.get(inner), known, trail.into(step), inside)
        if node.get("name") not in inside:
            yield from _record(node, known, trail, inside)


def _record(
    node: Mapping[str, Any], known: Mapping[str, Any], trail: Trail, inside: tuple[str, ...]
) -> Iterator[SchemaField]:
    for field in node.get("fields", ()):
        below = list(_avro(field["type"], known, trail.into(field["name"]), (*inside, node["name"])))
        yield _avro_field(field, known, trail.into(field["name"]), holds_fields=bool(below))
        yield from below


def _avro_field(field: Mapping[str, Any], known: Mapping[str, Any], trail: Trail, *, holds_fields: bool) -> SchemaField:
    leaves = list(_leaves(field["type"], known))
    said = [{**leaf, **field} for leaf in leaves] or [field]
    return SchemaField(
        path=trail.path,
        type=_avro_text(field["type"]),
        kinds=frozenset(leaf["type"] for leaf in leaves) - {"null"},
        logical=next((leaf["logicalType"] for leaf in leaves if "logicalType" in leaf), ""),
        is_optional=any(leaf["type"] == "null" for leaf in leaves),
        has_default="default" in field,
        default=field.get("default"),
        doc=str(field.get("doc", "")),
        pii=str(said[0].get("pii", "")),
        unit=str(said[0].get("unit", "")),
        holds_fields=holds_fields,
    )


def _leaves(type_: Any, known: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The types that values of a field end in, through unions, lists and maps; records end it."""
    if isinstance(type_, list):
        for branch in type_:
            yield from _leaves(branch, known)
    elif isinstance(type_, str):
        if type_ in known:
            yield from _leaves(known[type_], known)
        else:
            yield {"type": type_}
    elif type_["type"] in ("array", "map"):
        yield from _leaves(type_.get("items", type_.get("values")), known)
    elif type_["type"] in PRIMITIVES or type_["type"] in ("record", "error", "enum", "fixed"):
        yield type_


def _avro_text(type_: Any) -> str:
    if isinstance(type_, list):
        return " | ".join(_avro_text(branch) for branch in type_)
    if isinstance(type_, str):
        return type_
    inner = type_.get("items", type_.get("values"))
    if inner is not None:
        return f"{type_['type']} of {_avro_text(inner)}"
    if type_.get("logicalType") == "decimal":
        return f"decimal({type_['precision']}, {type_.get('scale', 0)})"
    return str(type_.get("logicalType", type_.get("name", type_["type"])))


def _json(side: Side, trail: Trail, inside: tuple[int, ...]) -> Iterator[SchemaField]:
    for each in _same_value(side, inside):
        keywords = each.keywords
        if isinstance(keywords.get("items"), Mapping):
            yield from _json(each.within(keywords["items"]), trail.into("[]"), (*inside, id(each.source)))
        if isinstance(keywords.get("additionalProperties"), Mapping):
            yield from _json(
                each.within(keywords["additionalProperties"]), trail.into("{}"), (*inside, id(each.source))
            )
        for name, source in keywords.get("properties", {}).items():
            inner = each.within(source)
            below = list(_json(inner, trail.into(name), (*inside, id(each.source))))
            is_required = name in keywords.get("required", ())
            yield _json_field(inner, trail.into(name), is_required=is_required, holds_fields=bool(below))
            yield from below


def _same_value(side: Side, inside: tuple[int, ...]) -> Iterator[Side]:
    """The schemas that describe one value: this one, and those that it is combined of."""
    if id(side.source) in inside or not isinstance(side.source, Mapping):
        return
    yield side
    target = side.target() if "$ref" in side.source else None
    if target is not None:
        yield from _same_value(target, (*inside, id(side.source)))
    for combinator in ("allOf", "anyOf", "oneOf"):
        for each in side.keywords.get(combinator, ()):
            yield from _same_value(side.within(each), (*inside, id(side.source)))


def _json_field(side: Side, trail: Trail, *, is_required: bool, holds_fields: bool) -> SchemaField:
    said = [each.keywords | dict(each.source) for each in _same_value(side, ())] or [{}]
    kinds = [name for each in said for name in _types(each)]

    def first(keyword: str) -> Any:
        return next((each[keyword] for each in said if keyword in each), "")

    return SchemaField(
        path=trail.path,
        type=" | ".join(dict.fromkeys(kinds)) + (f" ({first('format')})" if first("format") else ""),
        kinds=frozenset(kinds) - {"null"},
        logical=str(first("format")),
        is_optional=not is_required or "null" in kinds,
        has_default=any("default" in each for each in said),
        default=first("default"),
        doc=str(first("description")),
        pii=str(first("pii")),
        unit=str(first("unit")),
        holds_fields=holds_fields,
    )


def _types(source: Mapping[str, Any]) -> list[str]:
    named = source.get("type", [])
    return named if isinstance(named, list) else [named]
