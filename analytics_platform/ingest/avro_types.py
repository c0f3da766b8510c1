"""Avro schemas as typed values, and the Arrow type that each becomes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analytics_platform.errors import DeclarationError

MISSING = object()  # a field without a default; None is a default of its own
MOST_DIGITS = 38  # of an Arrow decimal128, and of a decimal in Delta
UTC_MICROS = pa.timestamp("us", tz="UTC")
LOGICAL_TYPES = {
    ("long", "timestamp-millis"): UTC_MICROS,
    ("long", "timestamp-micros"): UTC_MICROS,
    ("long", "local-timestamp-millis"): pa.timestamp("us"),
    ("long", "local-timestamp-micros"): pa.timestamp("us"),
    ("int", "date"): pa.date32(),
}
PRIMITIVES = {
    "boolean": pa.bool_(),
    "int": pa.int64(),  # the widest: a new version may promote int to long, and the column stays
    "long": pa.int64(),
    "float": pa.float64(),
    "double": pa.float64(),
    "string": pa.string(),
    "bytes": pa.binary(),
}
AS_WRITTEN = {**PRIMITIVES, "int": pa.int32()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive:
    """One of Avro's primitive types, `null` included; `logical` is "" unless we honour it."""

    kind: str
    logical: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decimal:
    """A decimal over bytes, or over a fixed of `size` bytes."""

    precision: int
    scale: int
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always `size` bytes."""

    name: str
    size: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """One of `symbols`, by index; `default` stands for a writer's symbol that the reader does not know."""

    name: str
    symbols: tuple[str, ...]
    default: str | None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a record; `default` is JSON, or MISSING."""

    name: str
    aliases: tuple[str, ...]
    type: "AvroType"
    default: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Fields, one after another."""

    name: str
    fields: tuple[Field, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """An array of `items`, or a map from text to them."""

    kind: str
    items: "AvroType"


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """One of the branches, by index."""

    branches: tuple["AvroType", ...]

    @property
    def null_branch(self) -> int | None:
        """Where null stands, if this is a union of null and one other type."""
        nulls = [i for i, branch in enumerate(self.branches) if branch == NULL]
        return nulls[0] if len(self.branches) == 2 and len(nulls) == 1 else None

    @property
    def value(self) -> "AvroType":
        """The other type of a union with null."""
        return next(branch for branch in self.branches if branch != NULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recursion:
    """A named type inside itself."""

    name: str


AvroType = Primitive | Decimal | Fixed | Enumeration | Record | Collection | Union | Recursion
NULL = Primitive(kind="null")


def parse_avro(text: str, where: str) -> AvroType:
    """The type that an Avro schema describes; raises DeclarationError for what we do not understand."""
    try:
        source = json.loads(text)
        return _Parser(where).parse(source, "", ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"is no Avro schema ({type(error).__name__}: {error})"
        raise DeclarationError(where, problem, "mend the schema's text") from error


class _Parser:
    """Reads one schema; remembers its named types."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.named: dict[str, AvroType] = {}

    def parse(self, source: Any, namespace: str, inside: tuple[str, ...]) -> AvroType:
        """The type of a JSON fragment; `inside` names the types around it."""
        if isinstance(source, list):
            return Union(branches=tuple(self.parse(branch, namespace, inside) for branch in source))
        if isinstance(source, str):
            return self._by_name(source, namespace, inside)
        kind = source["type"]
        if kind in ("record", "error", "enum", "fixed"):
            return self._define(kind, source, namespace, inside)
        if kind == "array":
            return Collection(kind="array", items=self.parse(source["items"], namespace, inside))
        if kind == "map":
            return Collection(kind="map", items=self.parse(source["values"], namespace, inside))
        return _logical(self.parse(kind, namespace, inside), source)

    def _by_name(self, name: str, namespace: str, inside: tuple[str, ...]) -> AvroType:
        if name == "null" or name in PRIMITIVES:
            return Primitive(kind=name)
        full = _full_name(name, namespace)
        if full in inside:
            return Recursion(name=full)
        if full not in self.named:
            raise DeclarationError(self.where, f"{name!r} is no type", "define it before its first use")
        return self.named[full]

    def _define(self, kind: str, source: Mapping[str, Any], namespace: str, inside: tuple[str, ...]) -> AvroType:
        full = _full_name(source["name"], source.get("namespace", namespace))
        aliases = tuple(source.get("aliases", ()))
        if kind == "enum":
            symbols, default = tuple(source["symbols"]), source.get("default")
            self.named[full] = Enumeration(name=full, aliases=aliases, symbols=symbols, default=default)
        elif kind == "fixed":
            self.named[full] = _logical(Fixed(name=full, aliases=aliases, size=source["size"]), source)
        else:
            scope = full.rpartition(".")[0]
            fields = tuple(self._field(field, scope, (*inside, full)) for field in source["fields"])
            self.named[full] = Record(name=full, aliases=aliases, fields=fields)
        return self.named[full]

    def _field(self, source: Mapping[str, Any], namespace: str, inside: tuple[str, ...]) -> Field:
        return Field(
            name=source["name"],
            aliases=tuple(source.get("aliases", ())),
            type=self.parse(source["type"], namespace, inside),
            default=source.get("default", MISSING),
        )


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _logical(plain: AvroType, source: Mapping[str, Any]) -> AvroType:
    """The type with its logical type; one that we do not know is ignored, as the specification wants."""
    logical = source.get("logicalType")
    if logical == "decimal" and (plain == Primitive(kind="bytes") or isinstance(plain, Fixed)):
        size = plain.size if isinstance(plain, Fixed) else None
        return Decimal(precision=source["precision"], scale=source.get("scale", 0), size=size)
    if isinstance(plain, Primitive) and (plain.kind, logical) in LOGICAL_TYPES:
        return Primitive(kind=plain.kind, logical=str(logical))
    return plain


def arrow_type(avro: AvroType, where: str, *, is_widest: bool = True) -> pa.DataType:
    """The Arrow type of a value; raises DeclarationError where a column cannot hold it.

    Columns are as wide as a promotion may make them; else numbers that are too large for an `int` are found.
    """
    match avro:
        case Primitive(kind=kind, logical=logical) if kind != "null":
            plain = PRIMITIVES if is_widest else AS_WRITTEN
            return LOGICAL_TYPES[kind, logical] if logical else plain[kind]
        case Enumeration():
            return pa.string()
        case Fixed():
            return pa.binary()
        case Decimal(precision=precision, scale=scale) if 0 < precision <= MOST_DIGITS and scale >= 0:
            return pa.decimal128(precision, scale)
        case Record(fields=fields):
            return pa.struct(
                [pa.field(f.name, arrow_type(f.type, f"{where}.{f.name}", is_widest=is_widest)) for f in fields]
            )
        case Collection(kind=kind, items=items):
            inner = arrow_type(items, f"{where}[]", is_widest=is_widest)
            return pa.list_(inner) if kind == "array" else pa.map_(pa.string(), inner)
        case Union() if avro.null_branch is not None:
            return arrow_type(avro.value, where, is_widest=is_widest)
    raise DeclarationError(where, f"no column can hold {_describe(avro)}", "choose a type that tables know")


def _describe(avro: AvroType) -> str:
    match avro:
        case Primitive(kind=kind):
            return f"only {kind}"
        case Decimal(precision=precision, scale=scale):
            return f"decimal({precision}, {scale})"
        case Union(branches=branches):
            return f"a union of {len(branches)} types that is not null and one other"
        case Recursion(name=name):
            return f"{name} inside itself"
    return type(avro).__name__.lower()
