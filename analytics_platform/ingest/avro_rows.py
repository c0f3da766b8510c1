"""Avro bodies one by one through fastavro: slow, but it knows arrays, maps, larger unions and recursion. Pure."""

import json
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fastavro
import pyarrow as pa
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema
from analytics_platform.ingest.avro_defaults import default_value
from analytics_platform.ingest.avro_types import (
    MISSING,
    NULL,
    AvroType,
    Collection,
    Decimal,
    Fixed,
    Record,
    Union,
    arrow_type,
    parse_avro,
)

UNREADABLE = (  # what fastavro has been seen to raise on bytes that are no such value
    EOFError,
    ValueError,  # among them UnicodeDecodeError
    LookupError,
    TypeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    StopIteration,
    struct.error,
    SchemaResolutionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReader:
    """Reads one pair of schemas, row by row; `kind` is a row as the reader's schema bounds its numbers."""

    writer: Any
    reader: Any
    columns: pa.Schema
    kind: pa.DataType

    def decode(self, bodies: pa.BinaryArray, skip: int = 0) -> tuple[pa.Table, pa.StringArray]:
        """The columns, and the fault of each row or null; a row with a fault is null in every column."""
        read = [self._read(body[skip:]) for body in bodies.to_pylist()]
        rows, faults = [row for row, _ in read], [fault for _, fault in read]
        try:
            array = pa.array(rows, type=self.kind)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            for place, row in enumerate(rows):
                if row is not None and not _fits(row, self.kind):
                    rows[place], faults[place] = None, "out of range"
            array = pa.array(rows, type=self.kind)
        table = pa.Table.from_arrays(array.flatten(), names=self.columns.names)
        return table.cast(self.columns), pa.array(faults, type=pa.string())

    def _read(self, body: bytes) -> tuple[dict[str, Any] | None, str | None]:
        source = BytesIO(body)
        try:
            row: Any = fastavro.schemaless_reader(source, self.writer, self.reader)
        except UNREADABLE as error:
            return None, _fault(error)
        return (row, None) if source.tell() == len(body) else (None, "trailing bytes")


def compile_rows(writer: Schema, reader: Schema, columns: pa.Schema) -> RowReader:
    """The reader for one pair of schemas; raises DeclarationError where fastavro refuses them."""
    where = f"{writer.subject} version {writer.version} read as {reader.version}"
    try:
        written, wanted = (fastavro.parse_schema(json.loads(schema.text)) for schema in (writer, reader))
    except (SchemaParseException, ValueError, LookupError, TypeError) as error:
        raise DeclarationError(where, f"fastavro refuses the schema ({error})", "mend the schema's text") from error
    _require_bytes(parse_avro(writer.text, where), where)
    row = parse_avro(reader.text, where)
    _convert_defaults(wanted, row, where)
    kind = arrow_type(row, where, is_widest=False)
    return RowReader(writer=written, reader=wanted, columns=columns, kind=kind)


def _require_bytes(avro: AvroType, where: str) -> None:
    """Refuse arrays whose items take no bytes: a count that lies would keep fastavro busy for ever."""
    match avro:
        case Collection(kind="array", items=items) if not _takes_bytes(items):
            raise DeclarationError(where, "an array has items that take no bytes", "store their number instead")
        case Collection(items=items):
            _require_bytes(items, where)
        case Union(branches=types):
            for type_ in types:
                _require_bytes(type_, where)
        case Record(fields=fields):
            for field in fields:
                _require_bytes(field.type, where)


def _takes_bytes(avro: AvroType) -> bool:
    match avro:
        case Record(fields=fields):
            return any(_takes_bytes(field.type) for field in fields)
        case Fixed(size=size) | Decimal(size=int(size)):
            return size > 0
    return avro != NULL


def _convert_defaults(source: Any, avro: AvroType, where: str) -> None:
    """Replace JSON defaults by values: fastavro hands them out as they stand in the schema."""
    match avro:
        case Record(fields=fields) if isinstance(source, dict):
            for written, field in zip(source["fields"], fields, strict=True):
                _convert_defaults(written["type"], field.type, f"{where}, field {field.name}")
                if field.default is not MISSING:
                    written["default"] = default_value(field.type, field.default, f"{where}, field {field.name}")
        case Union(branches=branches) if isinstance(source, list):
            for written, branch in zip(source, branches, strict=True):
                _convert_defaults(written, branch, where)
        case Collection(kind=kind, items=items) if isinstance(source, dict):
            _convert_defaults(source["items" if kind == "array" else "values"], items, where)


def _fits(row: dict[str, Any], kind: pa.DataType) -> bool:
    try:
        pa.scalar(row, type=kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return False
    return True


def _fault(error: BaseException) -> str:
    match error:
        case UnicodeDecodeError():
            return "bad utf-8"
        case EOFError() | struct.error() | StopIteration():
            return "truncated"
    return f"unreadable ({type(error).__name__})"
