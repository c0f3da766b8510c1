"""A stream in Confluent's format and its bronze, for tests about versions."""

import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import fastavro
import pyarrow as pa

from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.lake import shapes
from analytics_platform.lake.tables import Table
from analytics_platform.product import Rule, Stream

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NULLABLE = {"name": "coupon", "type": ["null", "string"], "default": None}
PRICE = {"name": "price", "type": "long"}
STREAM = Stream(
    name="bids",
    topic="bids",
    pipeline="p",
    description="",
    owner="team:b",
    partitions=2,
    rules=(Rule(name="price_is_positive", holds="price > 0"),),
)


def schema(id_: int, *fields: Any) -> Schema:
    text = json.dumps({"type": "record", "name": "Bid", "fields": list(fields)})
    return Schema(id=id_, guid=UUID(int=id_), subject="bids-value", version=id_, format=SchemaFormat.AVRO, text=text)


V1, V2 = schema(1, PRICE), schema(2, PRICE, NULLABLE)
SCHEMAS = StreamSchemas(stream="bids", reader=V2, writers={1: V1, 2: V2})


def value(written: Schema, **fields: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(written.text)), fields)
    return b"\0" + written.id.to_bytes(4, "big") + out.getvalue()


def write(tables, batch: int, rows: list[tuple[int, int, bytes | None]]) -> Table:
    """Bronze with one more file: partition, offset and value of each row."""
    table = Table.open(tables, shapes.bronze("bids"))
    said = [
        {"batch": batch, "partition": p, "offset": o, "broker_at": NOW, "key": None, "value": v, "headers": []}
        for p, o, v in rows
    ]
    table.replace([], [pa.Table.from_pylist(said, shapes.BRONZE_COLUMNS)], decided_on=table.version, epoch=1)
    return table
