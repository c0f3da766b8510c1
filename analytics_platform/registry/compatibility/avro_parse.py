"""The text of an Avro schema as typed values; what the specification forbids is refused with its place. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analytics_platform.errors import InvalidSchemaError
from analytics_platform.registry.compatibility.avro_schema import (
    MISSING,
    PRIMITIVES,
    AvroSchema,
    AvroType,
    Collection,
    Enumeration,
    Field,
    Fixed,
    Logical,
    Named,
    NamedType,
    Primitive,
    Record,
    Union,
)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
DECIMAL_BASES = ("bytes", "fixed")
# Which type each logical type of the specification may annotate; elsewhere it is ignored, as the specification wants.
LOGICAL_BASES = {
    "uuid": ("string", "fixed"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "timestamp-millis": ("long",),
    "timestamp-micros": ("long",),
    "timestamp-nanos": ("long",),
    "local-timestamp-millis": ("long",),
    "local-timestamp-micros": ("long",),
    "local-timestamp-nanos": ("long",),
    "duration": ("fixed",),
}
SIZES = {"uuid": 16, "duration": 12}


def avro_schema(source: Any, references: Iterable[AvroSchema] = ()) -> AvroSchema:
    """The schema that parsed JSON describes; raises InvalidSchemaError with a pointer to what is wrong."""
    parser = _Parser()
    for reference in references:
        parser.named.update(reference.named)
    root = parser.parse(source, "", "")
    return AvroSchema(root=root, named=parser.named)


class _Parser:
    """Reads one schema; remembers the named types, which must be defined before their first use."""

    def __init__(self) -> None:
        self.named: dict[str, NamedType] = {}
        self.open: set[str] = set()

    def parse(self, source: Any, namespace: str, path: str) -> AvroType:
        """The type of a JSON fragment that stands in this namespace."""
        if isinstance(source, list):
            return self._union(source, namespace, path)
        if isinstance(source, str):
            return self._by_name(source, namespace, path)
        if not isinstance(source, Mapping):
            raise InvalidSchemaError(path, f"{source!r} is no type", "write a type's name, an object or a union")
        return self._of_object(source, namespace, path)

    def _of_object(self, source: Mapping[str, Any], namespace: str, path: str) -> AvroType:
        match source.get("type"):
            case "record" | "error" | "enum" | "fixed" as kind:
                return self._define(kind, source, namespace, path)
            case "array":
                return Collection(kind="array", items=self._below(source, "items", namespace, path))
            case "map":
                return Collection(kind="map", items=self._below(source, "values", namespace, path))
            case str(kind) if kind in PRIMITIVES:
                return Primitive(kind=kind, logical=_logical(kind, source, path))
        return self._below(source, "type", namespace, path)

    def _below(self, source: Mapping[str, Any], keyword: str, namespace: str, path: str) -> AvroType:
        if keyword not in source:
            raise InvalidSchemaError(path, f"has no `{keyword}`", f"add `{keyword}`")
        return self.parse(source[keyword], namespace, f"{path}/{keyword}")

    def _union(self, source: Sequence[Any], namespace: str, path: str) -> Union:
        branches = tuple(self.parse(branch, namespace, f"{path}/{i}") for i, branch in enumerate(source))
        seen: set[str] = set()
        for place, branch in enumerate(branches):
            if isinstance(branch, Union):
                raise InvalidSchemaError(f"{path}/{place}", "is a union inside a union", "write its branches here")
            key = branch.name if isinstance(branch, Named) else branch.kind
            if key in seen:
                raise InvalidSchemaError(f"{path}/{place}", f"{key} stands twice in one union", "keep one of them")
            seen.add(key)
        return Union(branches=branches)

    def _by_name(self, name: str, namespace: str, path: str) -> AvroType:
        if name in PRIMITIVES:
            return Primitive(kind=name)
        full = _full_name(name, namespace)
        if full in self.named or full in self.open:
            return Named(name=full)
        raise InvalidSchemaError(path, f"{name!r} is no type", "define it before its first use, or add a reference")

    def _define(self, kind: str, source: Mapping[str, Any], namespace: str, path: str) -> Named:
        full = _defined_name(source, namespace, path)
        if full in self.named or full in self.open or full in PRIMITIVES:
            raise InvalidSchemaError(path, f"{full} is defined twice", "refer to it by name, or name it otherwise")
        scope = full.rpartition(".")[0]
        aliases = tuple(_full_name(alias, scope) for alias in _texts(source, "aliases", path))
        match kind:
            case "enum":
                self.named[full] = _enumeration(full, aliases, source, path)
            case "fixed":
                self.named[full] = _fixed(full, aliases, source, path)
            case _:
                self.open.add(full)
                fields = tuple(self._fields(source, scope, path))
                self.named[full] = Record(name=full, fields=fields, aliases=aliases)
                self.open.discard(full)
        return Named(name=full)

    def _fields(self, source: Mapping[str, Any], namespace: str, path: str) -> Iterator[Field]:
        if not isinstance(source.get("fields"), list):
            raise InvalidSchemaError(path, "has no list `fields`", "add `fields`")
        seen: set[str] = set()
        for place, field in enumerate(source["fields"]):
            where = f"{path}/fields/{place}"
            if not isinstance(field, Mapping):
                raise InvalidSchemaError(where, "is no field", "write an object with `name` and `type`")
            name = _name(field.get("name"), where)
            if name in seen:
                raise InvalidSchemaError(where, f"field {name} stands twice", "keep one of them")
            seen.add(name)
            yield Field(
                name=name,
                type=self._below(field, "type", namespace, where),
                aliases=tuple(_texts(field, "aliases", where)),
                default=field.get("default", MISSING),
            )


def _defined_name(source: Mapping[str, Any], namespace: str, path: str) -> str:
    """The full name of a definition; a dotted name carries its own namespace."""
    name, own = source.get("name"), source.get("namespace", namespace)
    full = _full_name(name, own or "") if isinstance(name, str) and isinstance(own, str) else name
    for part in str(full).split("."):
        _name(part if isinstance(full, str) else full, path)
    return str(full)


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _name(name: Any, path: str) -> str:
    if not isinstance(name, str) or not NAME.match(name):
        raise InvalidSchemaError(path, f"{name!r} is no name", "use letters, digits and _, and no digit first")
    return name


def _texts(source: Mapping[str, Any], keyword: str, path: str) -> list[str]:
    found = source.get(keyword, [])
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise InvalidSchemaError(f"{path}/{keyword}", "is no list of names", "list names")
    return found


def _enumeration(full: str, aliases: tuple[str, ...], source: Mapping[str, Any], path: str) -> Enumeration:
    symbols, default = _texts(source, "symbols", path), source.get("default")
    for symbol in symbols:
        _name(symbol, f"{path}/symbols")
    if "symbols" not in source or len(set(symbols)) < len(symbols):
        raise InvalidSchemaError(f"{path}/symbols", "is no list of different symbols", "list each symbol once")
    if default is not None and default not in symbols:
        raise InvalidSchemaError(f"{path}/default", f"{default!r} is none of the symbols", f"use one of {symbols}")
    return Enumeration(name=full, symbols=tuple(symbols), default=default, aliases=aliases)


def _fixed(full: str, aliases: tuple[str, ...], source: Mapping[str, Any], path: str) -> Fixed:
    size = source.get("size")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise InvalidSchemaError(f"{path}/size", f"{size!r} is no size", "write the number of bytes")
    return Fixed(name=full, size=size, aliases=aliases, logical=_logical("fixed", source, path))


def _logical(kind: str, source: Mapping[str, Any], path: str) -> Logical | None:
    """The logical type; one that the specification does not know is kept: somebody relies on it."""
    name = source.get("logicalType")
    if not isinstance(name, str):
        return None
    if name == "decimal":
        return _decimal(source, path) if kind in DECIMAL_BASES else None
    if kind not in LOGICAL_BASES.get(name, (kind,)):
        return None
    if kind == "fixed" and source.get("size") != SIZES.get(name, source.get("size")):
        return None
    return Logical(name=name)


def _decimal(source: Mapping[str, Any], path: str) -> Logical:
    """A decimal with its numbers; one that the specification says to ignore is refused: it would be misread."""
    precision, scale = _count(source.get("precision")), _count(source.get("scale", 0))
    if precision is None or scale is None or not 0 <= scale <= precision or precision < 1:
        problem = f"decimal({source.get('precision')}, {source.get('scale', 0)}) is none"
        raise InvalidSchemaError(path, problem, "give it a precision of 1 or more and a scale of 0 up to the precision")
    return Logical(name="decimal", precision=precision, scale=scale)


def _count(number: Any) -> int | None:
    return number if isinstance(number, int) and not isinstance(number, bool) else None
