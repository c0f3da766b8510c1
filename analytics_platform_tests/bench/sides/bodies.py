"""How the other sides decode a record's value: record by record, as a script does."""

import io
import json
from collections.abc import Callable
from typing import Any

import fastavro

from analytics_platform_tests.bench.sides.stage import AVRO_SCHEMA, PREFIX_BYTES

Row = dict[str, Any]


def decoder(encoding: str, from_json: Callable[[bytes], Any]) -> Callable[[bytes], Row]:
    """What makes a row of a value."""
    if encoding == "json":
        return lambda value: from_json(value[PREFIX_BYTES:])
    schema = fastavro.parse_schema(json.loads(AVRO_SCHEMA.read_text()))

    def from_avro(value: bytes) -> Any:
        return fastavro.schemaless_reader(io.BytesIO(value[PREFIX_BYTES:]), schema, None)

    return from_avro
