"""Fields to bytes: Avro and JSON bodies in the Confluent wire format, some of them broken on purpose. Pure."""

import struct
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.ingest.encode_batch import varints
from analytics_platform.ingest.records import int_array
from analytics_platform.local.auction_house.chance import Longs
from analytics_platform.local.auction_house.faults import Fault, Faults
from analytics_platform.local.auction_house.fields import Fields
from analytics_platform.local.auction_house.pools import Pick

UNKNOWN_SCHEMA_ID = 999_999
BAD_MAGIC = b"\x01"
GARBAGE = b"\xff}garbage"
CUT_BYTES = 7  # fewer than the last field of every schema takes


def encode_values(fields: Fields, faults: Faults, schema_id: int, *, is_json: bool) -> pa.BinaryArray:
    """The value of each row, as it is written to the topic."""
    body = _json_pieces(fields) if is_json else _avro_pieces(fields)
    before, after = _wrapping(schema_id)
    if not faults.any():
        return _joined([before[0], *body])
    known = int_array(np.where(faults == Fault.UNKNOWN_SCHEMA_ID, 1, np.where(faults == Fault.BAD_MAGIC_BYTE, 2, 0)))
    trailing = int_array(faults == Fault.TRAILING_GARBAGE)
    values = _joined([before.take(known), *body, after.take(trailing)])
    cut = pc.call_function("binary_slice", [values], pc.SliceOptions(0, -CUT_BYTES))
    return pc.call_function("if_else", [_booleans(faults == Fault.TRUNCATED), cut, values])


@cache
def _wrapping(schema_id: int) -> tuple[pa.BinaryArray, pa.BinaryArray]:
    """What stands before a body (right, unknown schema, bad magic) and after it (nothing, garbage)."""
    heads = [b"\x00" + struct.pack(">i", number) for number in (schema_id, UNKNOWN_SCHEMA_ID)]
    heads.append(BAD_MAGIC + heads[0][1:])
    return pa.array(heads, pa.binary()), pa.array([b"", GARBAGE], pa.binary())


def _avro_pieces(fields: Fields) -> list[Any]:
    """Neighbouring numbers are encoded in one go."""
    pieces: list[Any] = []
    for is_text, group in groupby(fields.values(), key=lambda field: isinstance(field, Pick)):
        if is_text:
            pieces += [field.avro() for field in group if isinstance(field, Pick)]
        else:
            pieces.append(varints([field for field in group if not isinstance(field, Pick)]))
    return pieces


def _json_pieces(fields: Fields) -> list[Any]:
    """The pools hold no character that JSON would escape."""
    pieces: list[Any] = []
    for place, (name, field) in enumerate(fields.items()):
        opening = "{" if place == 0 else ","
        quote = '"' if isinstance(field, Pick) or name == "dateTime" else ""
        pieces += [_scalar(f'{opening}"{name}":{quote}'), _json_text(name, field), _scalar(quote)]
    return [*pieces, _scalar("}")]


def _json_text(name: str, field: Longs | Pick) -> pa.BinaryArray:
    if isinstance(field, Pick):
        return field.plain()
    if name == "dateTime":
        times = int_array(field).cast(pa.timestamp("ms"))
        text = pc.call_function("strftime", [times], pc.StrftimeOptions("%Y-%m-%dT%H:%M:%SZ"))
        return text.cast(pa.binary())
    return decimal_text(field)


def decimal_text(values: Longs) -> pa.BinaryArray:
    """Numbers as decimal text."""
    return int_array(values).cast(pa.string()).cast(pa.binary())


def _joined(pieces: list[Any]) -> pa.BinaryArray:
    return pc.call_function("binary_join_element_wise", [*pieces, _scalar("")])


def _booleans(values: Any) -> pa.BooleanArray:
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(np.packbits(values, bitorder="little"))])


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text.encode(), pa.binary())
