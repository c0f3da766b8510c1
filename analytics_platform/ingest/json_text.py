"""JSON bodies to Arrow columns by in-memory DuckDB; a broken body harms no other. Pure."""

from dataclasses import dataclass
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics_platform.facts import Schema
from analytics_platform.ingest.json_query import INVALID, decoding_query
from analytics_platform.ingest.json_strict import falsely_accepted
from analytics_platform.ingest.json_types import json_arrow_type, parse_json_schema
from analytics_platform.ingest.records import utf8_or_null
from analytics_platform.ingest.wire import without_prefix

BAD_UTF_8 = "bad utf-8"
NO_TEXT = pa.scalar(None, pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPlan:
    """How to decode one schema: the columns, and the query over a relation `bodies(text)`."""

    columns: pa.Schema
    query: str

    def decode(self, bodies: pa.BinaryArray, skip: int = 0) -> tuple[pa.Table, pa.StringArray]:
        """The columns, and the fault of each row or null; a row with a fault is null in every column.

        Args:
            bodies: no nulls; each at least `skip` bytes long.
            skip: bytes before each body: 5 in Confluent's wire format.
        """
        texts = utf8_or_null(without_prefix(bodies, skip))
        broken = _booleans(falsely_accepted(texts))
        decoded = _ask(self.query, pc.if_else(broken, NO_TEXT, texts))
        faults = pc.coalesce(
            pc.if_else(texts.is_null(), BAD_UTF_8, NO_TEXT),
            pc.if_else(broken, INVALID, NO_TEXT),
            decoded["fault"].combine_chunks(),
        )
        columns = decoded.drop_columns(["fault"]).rename_columns(self.columns.names)
        return columns.cast(self.columns), faults


def compile_json(reader: Schema) -> JsonPlan:
    """The plan for bodies of this JSON Schema; raises DeclarationError for what cannot become columns."""
    return JsonPlan(columns=json_columns(reader), query=decoding_query(parse_json_schema(reader)))


def json_columns(reader: Schema) -> pa.Schema:
    """The columns of a JSON Schema, in the order of its properties."""
    fields = parse_json_schema(reader).fields
    return pa.schema([pa.field(field.name, json_arrow_type(field.type)) for field in fields])


def _ask(query: str, texts: pa.StringArray) -> pa.Table:
    with _duckdb().cursor() as cursor:
        cursor.register("bodies", pa.table({"text": texts}))
        return cursor.sql(query).to_arrow_table()


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """One empty database per process: opening another costs 20 ms. One thread keeps rows in order, and cores free."""
    return duckdb.connect(config={"threads": 1})


def _booleans(values: NDArray[np.bool_]) -> pa.BooleanArray:
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), values.size, [None, pa.py_buffer(bits)])
