"""Who reads the topic of ours: the stream of bids as in the catalogue, and two models computed from it alone."""

import json
from dataclasses import replace
from uuid import UUID

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.product import Pipeline
from analytics_platform.products.bids import BIDS
from analytics_platform.products.channel_revenue import CHANNEL_REVENUE
from analytics_platform.products.highest_bid import HIGHEST_BID
from analytics_platform_tests.bench.sides.stage import AVRO_SCHEMA

SCHEMA_ID = 1
JSON_TYPES = {"long": {"type": "integer"}, "string": {"type": "string"}}


def pipeline_of(topic: str) -> Pipeline:
    """The stream of bids on that topic, and the models."""
    bids = replace(BIDS, topic=topic)
    return catalog_of([bids, CHANNEL_REVENUE, HIGHEST_BID]).pipelines[bids.pipeline]


def schemas_of(encoding: str) -> dict[str, StreamSchemas]:
    """The bids' schema, in Avro as in git, or the same fields in JSON Schema."""
    text = AVRO_SCHEMA.read_text()
    if encoding == "json":
        text = json_schema(json.loads(text))
    kind = SchemaFormat.JSON if encoding == "json" else SchemaFormat.AVRO
    schema = Schema(id=SCHEMA_ID, guid=UUID(int=1), subject="bids-value", version=1, format=kind, text=text)
    return {"bids": StreamSchemas(stream="bids", reader=schema, writers={SCHEMA_ID: schema})}


def json_schema(avro: dict) -> str:
    """The record's fields in JSON Schema, all required."""
    fields = {field["name"]: field["type"] for field in avro["fields"]}
    instants = {name for name, of in fields.items() if isinstance(of, dict)}
    properties = {
        name: {"type": "string", "format": "date-time"} if name in instants else JSON_TYPES[of]
        for name, of in fields.items()
    }
    return json.dumps({"type": "object", "properties": properties, "required": list(fields)})
