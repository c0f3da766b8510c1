"""The default of an Avro field, which a schema gives as JSON, as the value that a column holds. Pure."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as Digits
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.avro_types import (
    MISSING,
    NULL,
    AvroType,
    Collection,
    Decimal,
    Enumeration,
    Fixed,
    Primitive,
    Record,
    Union,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "int": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "string": str,
    "bytes": str,
}


def default_value(avro: AvroType, default: Any, where: str) -> Any:
    """The default as a Python value; raises DeclarationError if it is none of the type."""
    try:
        return _value(avro, default)
    except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
        problem = f"the default {default!r} does not fit its type"
        raise DeclarationError(where, problem, "mend the default") from error


def _value(avro: AvroType, default: Any) -> Any:
    match avro:
        case Primitive():
            return _primitive(avro, default)
        case Union():
            return None if default is None and NULL in avro.branches else _value(avro.value, default)
        case Enumeration(symbols=symbols):
            return symbols[symbols.index(default)]
        case Fixed():
            return default.encode("latin-1")
        case Decimal():
            return _decimal(avro, default.encode("latin-1"))
        case Record(fields=fields):
            return {field.name: _value(field.type, _given(default, field.name, field.default)) for field in fields}
        case Collection():
            return _collection(avro, default)
    return _refuse()


def _collection(avro: Collection, default: Any) -> list[Any]:
    if avro.kind == "array":
        return [_value(avro.items, item) for item in default]
    return [(key, _value(avro.items, item)) for key, item in default.items()]


def _decimal(avro: Decimal, unscaled: bytes) -> Digits:
    number = int.from_bytes(unscaled, "big", signed=True)
    digits = tuple(int(digit) for digit in str(abs(number)))
    return Digits((int(number < 0), digits, -avro.scale)) if len(digits) <= avro.precision else _refuse()


def _given(default: dict[str, Any], name: str, otherwise: Any) -> Any:
    value = default.get(name, otherwise)
    return _refuse() if value is MISSING else value


def _primitive(avro: Primitive, default: Any) -> Any:
    if avro == NULL:
        return None if default is None else _refuse()
    if not isinstance(default, JSON_TYPES[avro.kind]) or (isinstance(default, bool) and avro.kind != "boolean"):
        return _refuse()
    match avro.logical:
        case "date":
            return date(1970, 1, 1) + timedelta(days=default)
        case "timestamp-millis" | "timestamp-micros":
            return EPOCH + _since_epoch(avro.logical, default)
        case "local-timestamp-millis" | "local-timestamp-micros":
            return EPOCH.replace(tzinfo=None) + _since_epoch(avro.logical, default)
    return default.encode("latin-1") if avro.kind == "bytes" else default


def _since_epoch(logical: str, count: int) -> timedelta:
    return timedelta(milliseconds=count) if logical.endswith("millis") else timedelta(microseconds=count)


def _refuse() -> Any:
    raise ValueError("no such value")
