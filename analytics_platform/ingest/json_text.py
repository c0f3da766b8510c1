"""JSON bodies to Arrow columns: side by side where they are written alike, else by in-memory DuckDB. Pure.

A broken body harms no other.
"""

from dataclasses import dataclass
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics_platform.facts import Schema
from analytics_platform.ingest.json_lanes import Template, find_lanes, lane_columns, template_of
from analytics_platform.ingest.json_query import INVALID, decoding_query
from analytics_platform.ingest.json_strict import falsely_accepted
from analytics_platform.ingest.json_types import JsonType, json_arrow_type, parse_json_schema
from analytics_platform.ingest.records import int_array, utf8_or_null
from analytics_platform.ingest.wire import without_prefix

FEWEST_LANES = 32  # DuckDB takes some milliseconds for a single record; lanes are as dear for a few
BAD_UTF_8 = "bad utf-8"
NO_TEXT = pa.scalar(None, pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPlan:
    """How to decode one schema: the columns, the object it describes, and the query over a relation `bodies(text)`."""

    columns: pa.Schema
    root: JsonType
    query: str

    def decode(self, bodies: pa.BinaryArray, skip: int = 0) -> tuple[pa.Table, pa.StringArray]:
        """The columns, and the fault of each row or null; a row with a fault is null in every column.

        Args:
            bodies: no nulls; each at least `skip` bytes long.
            skip: bytes before each body: 5 in Confluent's wire format.
        """
        template = self.template(bodies, skip)
        if template is None:
            return self.decode_any(bodies, skip)
        lanes = find_lanes(template, bodies, skip)
        alike = lane_columns(template, lanes, bodies, self.columns)
        if len(lanes.rows) == len(bodies):
            return alike, pa.nulls(len(bodies), pa.string())
        others = np.delete(np.arange(len(bodies)), lanes.rows)
        columns, faults = self.decode_any(bodies.take(int_array(others)), skip)
        places = int_array(np.argsort(np.concatenate([lanes.rows, others])))
        faults = pa.concat_arrays([pa.nulls(len(lanes.rows), pa.string()), faults])
        return pa.concat_tables([alike, columns]).combine_chunks().take(places), faults.take(places)

    def template(self, bodies: pa.BinaryArray, skip: int) -> Template | None:
        """How the records are written, by some of them; None for few records, which need no haste."""
        rows = (0, len(bodies) // 2, len(bodies) - 1) if len(bodies) >= FEWEST_LANES else ()
        found = (template_of(bodies[row].as_py()[skip:], self.root) for row in rows)
        return next(filter(None, found), None)

    def decode_any(self, bodies: pa.BinaryArray, skip: int = 0) -> tuple[pa.Table, pa.StringArray]:
        """The same by DuckDB, however the records are written."""
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
    root = parse_json_schema(reader)
    return JsonPlan(columns=json_columns(reader), root=root, query=decoding_query(root))


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
