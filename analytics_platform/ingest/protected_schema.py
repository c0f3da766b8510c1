"""The schemas that protected bodies are written in and read with: what is dropped is not there, or is null. Pure."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas


def protected_schemas(schemas: StreamSchemas, dropped: Mapping[int, Collection[str]]) -> StreamSchemas:
    """The same schemas as bronze and silver have them; `dropped` are the fields of each of which nothing stays, by id.

    Ids stay: the bodies name the schema that their producer wrote in.
    """
    if not any(dropped.values()):
        return schemas
    of_reader = frozenset(name for names in dropped.values() for name in names)
    return replace(
        schemas,
        reader=with_nulls(schemas.reader, of_reader),
        writers={id_: without(schema, frozenset(dropped.get(id_, ()))) for id_, schema in schemas.writers.items()},
    )


@lru_cache(maxsize=256)
def without(schema: Schema, dropped: frozenset[str]) -> Schema:
    """The schema that bodies are written in after those fields were dropped."""
    if not dropped:
        return schema
    if schema.format is SchemaFormat.JSON:
        return with_nulls(schema, dropped)
    source = json.loads(schema.text)
    return _with(schema, {**source, "fields": [f for f in source["fields"] if f["name"] not in dropped]})


@lru_cache(maxsize=256)
def with_nulls(schema: Schema, dropped: frozenset[str]) -> Schema:
    """The schema that readers see: those fields may be null."""
    if not dropped:
        return schema
    source = json.loads(schema.text)
    if schema.format is SchemaFormat.AVRO:
        fields = [_nullable(field) if field["name"] in dropped else field for field in source["fields"]]
        return _with(schema, {**source, "fields": fields})
    properties = {
        name: {"anyOf": [{"type": "null"}, about]} if name in dropped else about
        for name, about in source["properties"].items()
    }
    required = [name for name in source.get("required", ()) if name not in dropped]
    return _with(schema, {**source, "properties": properties, "required": required})


def _nullable(field: Mapping[str, Any]) -> dict[str, Any]:
    branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return {**field, "type": ["null", *(branch for branch in branches if branch != "null")], "default": None}


def _with(schema: Schema, source: Mapping[str, Any]) -> Schema:
    return replace(schema, text=json.dumps(source))
