"""What makes a text a schema, and its canonical form, which ids and digests are over. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import SchemaFormat

JSON_TYPES = {"string", "integer", "number", "boolean", "object", "array", "null"}


def canonical_text(text: str, format_: SchemaFormat, where: str) -> str:
    """The schema with sorted keys and no white space; raises DeclarationError, naming `where`, if it is none."""
    source = _parsed(text, where)
    if format_ is SchemaFormat.AVRO:
        _require_avro(source, where)
    else:
        _require_json_schema(source, where, "")
    return json.dumps(source, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(canonical: str) -> str:
    """The sha256 of a canonical text, in hex."""
    return sha256(canonical.encode()).hexdigest()


def guid_of(canonical: str) -> UUID:
    """The GUID that equal schemas share, whatever their subject."""
    return uuid5(NAMESPACE_OID, canonical)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        place = f"{where}, line {error.lineno}, column {error.colno}"
        raise DeclarationError(place, f"is no JSON: {error.msg}", "mend the text") from error
    except ValueError as error:
        raise DeclarationError(where, str(error), "keep one of them") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _require_avro(source: Any, where: str) -> None:
    try:
        fastavro.parse_schema(source, named_schemas={})
    except UnknownType as error:
        raise DeclarationError(where, f"{error.name!r} is no type", "define it before its first use") from error
    except (SchemaParseException, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DeclarationError(where, f"is no Avro schema: {error}", "mend the schema") from error


def _require_json_schema(source: Any, where: str, path: str) -> None:
    """Check the keywords that we read; others are free to be there."""
    if isinstance(source, bool):
        return
    if not isinstance(source, Mapping):
        raise DeclarationError(where, f"{path or 'the schema'} is no object", "write a JSON Schema")
    for name in _names(source.get("type", [])):
        if name not in JSON_TYPES:
            raise DeclarationError(where, f"{path or 'the schema'} has type {name!r}", f"use {sorted(JSON_TYPES)}")
    _require_list(source, "required", where, path)
    for inner, below in _below(source, where, path):
        _require_json_schema(below, where, inner)


def _below(source: Mapping[str, Any], where: str, path: str) -> Iterator[tuple[str, Any]]:
    """The schemas inside a schema, with their paths."""
    for keyword in ("properties", "definitions", "$defs"):
        named = source.get(keyword, {})
        if not isinstance(named, Mapping):
            raise DeclarationError(where, f"{path}/{keyword} is no object", "map each name to a schema")
        yield from ((f"{path}/{keyword}/{name}", below) for name, below in named.items())
    if isinstance(source.get("items"), Mapping):
        yield f"{path}/items", source["items"]


def _names(type_: Any) -> Iterable[Any]:
    return type_ if isinstance(type_, list) else [type_]


def _require_list(source: Mapping[str, Any], keyword: str, where: str, path: str) -> None:
    found = source.get(keyword, [])
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise DeclarationError(where, f"{path}/{keyword} is no list of names", "list the names of properties")
