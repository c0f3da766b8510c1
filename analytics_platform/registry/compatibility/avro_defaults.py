"""Whether a default, which a schema gives as JSON, is a value of its field's type. Pure."""

from collections.abc import Iterator
from typing import Any

from analytics_platform.errors import InvalidSchemaError
from analytics_platform.registry.compatibility.avro_schema import (
    MISSING,
    AvroSchema,
    AvroType,
    Collection,
    Enumeration,
    Field,
    Fixed,
    Primitive,
    Record,
    Union,
)

RANGES = {"int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


def require_defaults(schema: AvroSchema) -> None:
    """Raise InvalidSchemaError for the first default that is no value of its type."""
    for record, field in _fields(schema):
        if field.default is not MISSING and not fits(schema, field.type, field.default):
            path = f"{record.name}.{field.name}"
            problem = f"the default {field.default!r} is no value of its type"
            raise InvalidSchemaError(path, problem, "write one as JSON: bytes as text up to U+00FF, null as null")


def fits(schema: AvroSchema, type_: AvroType, default: Any) -> bool:
    """Whether the default is a value of the type; of a union, a value of any branch."""
    resolved = schema.resolve(type_)
    match resolved:
        case Primitive(kind=kind):
            return _is_primitive(kind, default)
        case Fixed(size=size):
            return _is_bytes(default) and len(default) == size
        case Enumeration(symbols=symbols):
            return isinstance(default, str) and default in symbols
        case Union(branches=branches):
            return any(fits(schema, branch, default) for branch in branches)
        case Collection(kind="array", items=items):
            return isinstance(default, list) and all(fits(schema, items, item) for item in default)
        case Collection(items=items):
            return isinstance(default, dict) and all(fits(schema, items, item) for item in default.values())
        case Record(fields=fields):
            return isinstance(default, dict) and all(_has(schema, field, default) for field in fields)


def _has(schema: AvroSchema, field: Field, default: dict[str, Any]) -> bool:
    value = default.get(field.name, field.default)
    return value is not MISSING and fits(schema, field.type, value)


def _is_primitive(kind: str, default: Any) -> bool:
    match kind:
        case "null":
            return default is None
        case "boolean":
            return isinstance(default, bool)
        case "int" | "long":
            low, high = RANGES[kind]
            return isinstance(default, int) and not isinstance(default, bool) and low <= default <= high
        case "float" | "double":
            return isinstance(default, int | float) and not isinstance(default, bool)
        case "bytes":
            return _is_bytes(default)
    return isinstance(default, str)


def _is_bytes(default: Any) -> bool:
    return isinstance(default, str) and all(ord(character) <= 0xFF for character in default)


def _fields(schema: AvroSchema) -> Iterator[tuple[Record, Field]]:
    for type_ in schema.named.values():
        if isinstance(type_, Record):
            yield from ((type_, field) for field in type_.fields)
