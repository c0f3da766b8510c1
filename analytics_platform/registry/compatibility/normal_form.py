"""Whether a text is a schema, and the form in which equal schemas have equal texts. Pure.

Everything here is kept by content: a text that was read once is not read again.
"""

import json
from functools import lru_cache
from hashlib import sha256
from typing import Any

from analytics_platform.errors import InvalidSchemaError, UnsupportedFormatError
from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.compatibility.avro_defaults import require_defaults
from analytics_platform.registry.compatibility.avro_normal import avro_normal
from analytics_platform.registry.compatibility.avro_parse import avro_schema
from analytics_platform.registry.compatibility.avro_schema import AvroSchema
from analytics_platform.registry.compatibility.findings import SchemaText
from analytics_platform.registry.compatibility.json_schema import JsonSchema, json_normal, json_schema

KEPT = 4096  # schemas; a subject of a hundred versions fits forty times


def format_named(name: str | None) -> SchemaFormat:
    """The format that clients call by that name; AVRO if they say none. Raises UnsupportedFormatError."""
    if name in (None, ""):
        return SchemaFormat.AVRO
    try:
        return SchemaFormat(str(name))
    except ValueError as error:
        raise UnsupportedFormatError(str(name)) from error


def require_valid(schema: SchemaText) -> None:
    """Raise InvalidSchemaError, with a pointer to the place, unless the text is a schema that readers can work with."""
    if schema.format is SchemaFormat.AVRO:
        require_defaults(parsed_avro(schema))
    else:
        parsed_json(schema)


@lru_cache(maxsize=KEPT)
def normalize(schema: SchemaText) -> str:
    """The text that all schemas share which say the same: keys sorted, names in full. Raises InvalidSchemaError.

    It is a schema of the same meaning; documentation is part of it, references stay references.
    """
    if schema.format is SchemaFormat.AVRO:
        parsed_avro(schema)
        source = avro_normal(parsed_text(schema.text))
    else:
        parsed_json(schema)
        source = json_normal(parsed_text(schema.text))
    return json.dumps(source, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=KEPT)
def fingerprint(schema: SchemaText) -> str:
    """The sha256, in hex, of the normal form and those of its references: equal for schemas that say the same."""
    references = sorted((reference.name, fingerprint(reference.schema)) for reference in schema.references)
    return sha256(json.dumps([schema.format, normalize(schema), references]).encode()).hexdigest()


@lru_cache(maxsize=KEPT)
def parsed_avro(schema: SchemaText) -> AvroSchema:
    """An Avro schema as values. Raises InvalidSchemaError."""
    references = []
    for reference in schema.references:
        _require_same_format(schema, reference.name, reference.schema)
        references.append(parsed_avro(reference.schema))
    try:
        return avro_schema(parsed_text(schema.text), references)
    except RecursionError as error:
        raise InvalidSchemaError("", "is nested too deeply to be read", "flatten it") from error


@lru_cache(maxsize=KEPT)
def parsed_json(schema: SchemaText) -> JsonSchema:
    """A JSON Schema whose references all lead somewhere. Raises InvalidSchemaError."""
    references = {}
    for reference in schema.references:
        _require_same_format(schema, reference.name, reference.schema)
        references[reference.name] = parsed_json(reference.schema)
    try:
        return json_schema(parsed_text(schema.text), references)
    except RecursionError as error:
        raise InvalidSchemaError("", "is nested too deeply to be read", "flatten it") from error


def parsed_text(text: str) -> Any:
    """The JSON of a text; a name that stands twice in one object is refused, for readers would take either."""
    try:
        return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refused_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidSchemaError(where, f"is no JSON: {error.msg}", "mend the text") from error
    except RecursionError as error:
        raise InvalidSchemaError("", "is nested too deeply to be read", "flatten it") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidSchemaError("", f"{twice!r} stands twice in one object", "keep one of them")
    return found


def _refused_constant(constant: str) -> None:
    raise InvalidSchemaError("", f"{constant} is no JSON", "write a number")


def _require_same_format(schema: SchemaText, name: str, referred: SchemaText) -> None:
    if referred.format is not schema.format:
        problem = f"reference {name} is {referred.format}, the schema is {schema.format}"
        raise InvalidSchemaError("", problem, "refer to schemas of the same format")
