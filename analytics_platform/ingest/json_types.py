"""JSON Schemas as typed values, and the Arrow type that each becomes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema

UTC_MICROS = pa.timestamp("us", tz="UTC")


class Kind(StrEnum):
    """What a JSON value may be; ANY is kept as JSON text."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "date-time"
    OBJECT = "object"
    ARRAY = "array"
    MAP = "map"
    ANY = "any"


SCALARS: Mapping[Kind, pa.DataType] = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INSTANT: UTC_MICROS,
    Kind.ANY: pa.string(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonType:
    """A value: its kind, whether null will do, an object's fields, an array's items or a map's values."""

    kind: Kind
    is_nullable: bool = False
    fields: tuple["JsonField", ...] = ()
    items: "JsonType | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonField:
    """A property of an object."""

    name: str
    type: JsonType
    is_required: bool


ANYTHING = JsonType(kind=Kind.ANY, is_nullable=True)


def parse_json_schema(schema: Schema) -> JsonType:
    """The object that a JSON Schema describes; raises DeclarationError for what cannot become columns."""
    where = f"{schema.subject} version {schema.version}"
    try:
        source = json.loads(schema.text)
        parsed = _Parser(where, source).parse(source, ())
    except (ValueError, TypeError, AttributeError) as error:
        problem = f"is no JSON Schema ({type(error).__name__}: {error})"
        raise DeclarationError(where, problem, "mend the schema's text") from error
    if parsed.kind is Kind.OBJECT:
        return parsed
    raise DeclarationError(where, "describes no object with properties", "name its `properties`: they become columns")


@dataclass(frozen=True, slots=True)
class _Parser:
    """Reads one schema; `root` resolves references."""

    where: str
    root: Mapping[str, Any]

    def parse(self, source: Any, inside: tuple[str, ...]) -> JsonType:
        """The type of a subschema; `inside` are the references that led here."""
        if not isinstance(source, Mapping):
            return ANYTHING  # `true`: anything goes
        if "$ref" in source:
            return self._referred(source["$ref"], inside)
        alternatives = source.get("oneOf") or source.get("anyOf")
        if alternatives:
            return self._either(alternatives, inside)
        named = source.get("type", "object" if "properties" in source else None)
        names = named if isinstance(named, list) else [named]
        kinds = [name for name in names if name != "null"]
        if len(kinds) != 1 or kinds[0] is None:
            return ANYTHING
        return self._of_kind(Kind(kinds[0]), source, inside, is_nullable="null" in names)

    def _of_kind(
        self, kind: Kind, source: Mapping[str, Any], inside: tuple[str, ...], *, is_nullable: bool
    ) -> JsonType:
        match kind:
            case Kind.OBJECT if source.get("properties"):
                return JsonType(kind=kind, fields=self._fields(source, inside), is_nullable=is_nullable)
            case Kind.OBJECT if isinstance(source.get("additionalProperties"), Mapping):
                values = self.parse(source["additionalProperties"], inside)
                return JsonType(kind=Kind.MAP, items=values, is_nullable=is_nullable)
            case Kind.ARRAY if isinstance(source.get("items"), Mapping):
                return JsonType(kind=kind, items=self.parse(source["items"], inside), is_nullable=is_nullable)
            case Kind.OBJECT | Kind.ARRAY:
                return ANYTHING
            case Kind.STRING if source.get("format") == "date-time":
                return JsonType(kind=Kind.INSTANT, is_nullable=is_nullable)
        return JsonType(kind=kind, is_nullable=is_nullable)

    def _fields(self, source: Mapping[str, Any], inside: tuple[str, ...]) -> tuple[JsonField, ...]:
        """The properties; SQL must be able to tell them apart, and it does not tell ID from id."""
        required, seen = source.get("required", ()), dict[str, str]()
        for name in source["properties"]:
            if not name or "\0" in name:
                raise DeclarationError(self.where, f"{name!r} is no name in SQL", "leave it out: it stays in bronze")
            if seen.setdefault(name.lower(), name) != name:
                problem = f"properties {seen[name.lower()]} and {name} are one in SQL"
                raise DeclarationError(self.where, problem, "leave one of them out: it stays in bronze")
        return tuple(
            JsonField(name=name, type=self.parse(below, inside), is_required=name in required)
            for name, below in source["properties"].items()
        )

    def _either(self, alternatives: list[Any], inside: tuple[str, ...]) -> JsonType:
        """One type or null; anything more is kept as text."""
        others = [each for each in alternatives if each != {"type": "null"}]
        if len(others) != 1:
            return ANYTHING
        only = self.parse(others[0], inside)
        is_nullable = only.is_nullable or len(others) < len(alternatives)
        return JsonType(kind=only.kind, fields=only.fields, items=only.items, is_nullable=is_nullable)

    def _referred(self, reference: str, inside: tuple[str, ...]) -> JsonType:
        if reference in inside or not reference.startswith("#"):
            return ANYTHING  # inside itself, or in another document: its text is all we can keep
        target: Any = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or name not in target:
                raise DeclarationError(self.where, f"{reference} leads nowhere", "define it under `definitions`")
            target = target[name]
        return self.parse(target, (*inside, reference))


def json_arrow_type(type_: JsonType) -> pa.DataType:
    """The Arrow type of a value."""
    match type_:
        case JsonType(kind=Kind.OBJECT, fields=fields):
            return pa.struct([pa.field(field.name, json_arrow_type(field.type)) for field in fields])
        case JsonType(kind=Kind.ARRAY, items=items) if items is not None:
            return pa.list_(json_arrow_type(items))
        case JsonType(kind=Kind.MAP, items=values) if values is not None:
            return pa.map_(pa.string(), json_arrow_type(values))
    return SCALARS[type_.kind]
