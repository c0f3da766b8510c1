"""Whether a default, which a schema gives as JSON, is a value of its field's type. Pure."""

import re
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
    Logical,
    Primitive,
    Record,
    Union,
)

DAY_MILLIS = 86_400_000
DAYS = (-719_162, 2_932_896)  # years 1 to 9999, as far as readers' calendars agree
MILLIS = (DAYS[0] * DAY_MILLIS, (DAYS[1] + 1) * DAY_MILLIS - 1)
MICROS = (MILLIS[0] * 1000, MILLIS[1] * 1000 + 999)
TIMES = {  # the least and the largest number that is a value of a logical type
    "date": DAYS,
    "time-millis": (0, DAY_MILLIS - 1),
    "time-micros": (0, DAY_MILLIS * 1000 - 1),
    "timestamp-millis": MILLIS,
    "timestamp-micros": MICROS,
    "local-timestamp-millis": MILLIS,
    "local-timestamp-micros": MICROS,
}
UUID_BYTES = 16
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
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
    try:
        return _fits(schema, type_, default)
    except RecursionError:  # a record whose fields' defaults hold the record again, without end
        return False


def _fits(schema: AvroSchema, type_: AvroType, default: Any) -> bool:
    resolved = schema.resolve(type_)
    match resolved:
        case Primitive(kind=kind, logical=logical):
            return _is_primitive(kind, default) and _means(logical, default)
        case Fixed(size=size, logical=logical):
            return _is_bytes(default) and len(default) == size and _means(logical, default)
        case Enumeration(symbols=symbols):
            return isinstance(default, str) and default in symbols
        case Union(branches=branches):
            return any(_fits(schema, branch, default) for branch in branches)
        case Collection(kind="array", items=items):
            return isinstance(default, list) and all(_fits(schema, items, item) for item in default)
        case Collection(items=items):
            return isinstance(default, dict) and all(_fits(schema, items, item) for item in default.values())
        case Record(fields=fields):
            return isinstance(default, dict) and all(_has(schema, field, default) for field in fields)


def _has(schema: AvroSchema, field: Field, default: dict[str, Any]) -> bool:
    value = default.get(field.name, field.default)
    return value is not MISSING and _fits(schema, field.type, value)


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


def _means(logical: Logical | None, default: Any) -> bool:
    """Whether a default that has the right type is also a value of the logical type; readers make one of it."""
    match logical:
        case Logical(name="uuid") if len(default) != UUID_BYTES:
            return UUID_TEXT.fullmatch(default) is not None
        case Logical(name="decimal", precision=precision):
            number = int.from_bytes(default.encode("latin-1"), "big", signed=True)
            return len(str(abs(number))) <= precision
        case Logical(name=name) if name in TIMES:
            low, high = TIMES[name]
            return low <= default <= high
    return True


def _is_bytes(default: Any) -> bool:
    return isinstance(default, str) and all(ord(character) <= 0xFF for character in default)


def _fields(schema: AvroSchema) -> Iterator[tuple[Record, Field]]:
    for type_ in schema.named.values():
        if isinstance(type_, Record):
            yield from ((type_, field) for field in type_.fields)
