"""What the columns of a stream's tables mean, in words: ours from here, the stream's own from its schema. Pure."""

import json
from typing import Any

from analytics_platform.facts import Schema, SchemaFormat

OURS = {
    "batch": "The batch that read this row, counted from 1 for each stream.",
    "partition": "The topic's partition that the record is in.",
    "offset": "The record's offset in its partition.",
    "broker_at": "The record's own timestamp: when it reached the broker, or what its producer set.",
    "key": "The record's key, as it was read.",
    "value": "The record's value, as it was read.",
    "headers": "The record's headers, as they were read.",
    "event_id": "What identifies the event; copies share it. Unique in silver.",
    "event_at": "When it happened, by the declared event time (UTC).",
    "traceparent": "The producer's trace context (W3C), from the header of that name.",
    "schema_id": "The id of the schema that the value was written with.",
    "payload_hash": "A hash over the value's bytes: a copy of an id with another hash is a conflict.",
    "late_micros": "How far, in microseconds, the event lies behind the newest one before it in its partition; else 0.",
    "outcome": "Why silver does not hold the row: duplicate, conflict, quarantined, held, discarded or beyond_horizon.",
    "reason": "The same in detail: the rule it broke, or what could not be decoded.",
    "winner_partition": "Of a duplicate or conflict: the partition of the copy that silver holds.",
    "winner_offset": "Of a duplicate or conflict: the offset of the copy that silver holds.",
}


def meanings(schema: Schema) -> dict[str, str]:
    """By column, what it means; the schema's fields as far as they are documented there."""
    source = json.loads(schema.text)
    fields = _avro_docs(source) if schema.format is SchemaFormat.AVRO else _json_docs(source)
    return {**fields, **OURS}


def _avro_docs(source: Any) -> dict[str, str]:
    return {field["name"]: field["doc"] for field in source.get("fields", []) if "doc" in field}


def _json_docs(source: Any) -> dict[str, str]:
    found = {name: of for name, of in source.get("properties", {}).items() if isinstance(of, dict)}
    return {name: of["description"] for name, of in found.items() if "description" in of}
