"""JSON Schemas: whether a text is one, what it refers to, its normal form. Pure: nothing is fetched from anywhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing._core import Resolver  # the library hands them out and exports no name for them
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from analytics_platform.errors import InvalidSchemaError

DRAFT_07 = "http://json-schema.org/draft-07/schema"  # what Confluent's clients take a schema for that does not say
DIALECTS = (
    *("http://json-schema.org/draft-04/schema", "http://json-schema.org/draft-06/schema", DRAFT_07),
    *("https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"),
)
ONE_SCHEMA = (
    *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
LISTED_SCHEMAS = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
NAMED_SCHEMAS = ("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties")
SETS = ("required", "type")  # lists whose order says nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JsonSchema:
    """A schema with what resolves its references; `registry` holds every document it may refer to."""

    source: Any
    dialect: str
    resolver: Resolver
    resource: Resource
    references: Mapping[str, "JsonSchema"]

    @property
    def validator(self) -> type[Validator]:
        """The class that judges documents as this dialect wants."""
        return validator_for({"$schema": self.dialect})


def json_schema(source: Any, references: Mapping[str, JsonSchema]) -> JsonSchema:
    """The schema that parsed JSON describes; raises InvalidSchemaError with a pointer to what is wrong."""
    if not isinstance(source, Mapping | bool):
        raise InvalidSchemaError("", "is neither an object nor true or false", "write a JSON Schema")
    dialect = _dialect(source)
    _require_keywords(source, dialect)
    resource = Resource(contents=source, specification=specification_with(dialect))
    base = resource.id() or ""
    documents = {base: resource}
    for uri, referred in _all(references, {base}):
        if documents.setdefault(uri, referred).contents != referred.contents:
            raise InvalidSchemaError("", f"{uri} stands for two schemas", "refer to one version of it")
    registry = Registry().with_resources(documents.items())
    resolver = registry.crawl().resolver(base)
    found = JsonSchema(source=source, dialect=dialect, resolver=resolver, resource=resource, references=references)
    _require_resolvable(found)
    _require_progress(found)
    return found


def _all(references: Mapping[str, JsonSchema], bases: set[str]) -> Iterator[tuple[str, Resource]]:
    """Every document that is referred to, by each address that `$ref` may call it."""
    for name, referred in references.items():
        addresses = {name, referred.resource.id() or name, *(urljoin(base, name) for base in bases)}
        yield from ((address, referred.resource) for address in addresses)
        yield from _all(referred.references, addresses)


def _dialect(source: Any) -> str:
    said = source.get("$schema", DRAFT_07) if isinstance(source, Mapping) else DRAFT_07
    dialect = said.removesuffix("#") if isinstance(said, str) else repr(said)
    if dialect not in DIALECTS:
        raise InvalidSchemaError("/$schema", f"{dialect} is no dialect that is known here", f"use {DRAFT_07}#")
    return dialect


def _require_keywords(source: Any, dialect: str) -> None:
    """Check every keyword against the metaschema of the dialect."""
    try:
        validator_for({"$schema": dialect}).check_schema(source)
    except SchemaError as error:
        path = "".join(f"/{escaped(str(part))}" for part in error.absolute_path)
        raise InvalidSchemaError(path, error.message, "mend the keyword as its metaschema wants it") from error


def _require_resolvable(schema: JsonSchema) -> None:
    for path, below, resolver in walk(schema.source, schema):
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(below, Mapping) and isinstance(below.get(keyword), str):
                _require_target(resolver, below[keyword], f"{path}/{keyword}")


def _require_target(resolver: Resolver, reference: str, path: str) -> None:
    try:
        resolver.lookup(reference)
    except (Unresolvable, ValueError, LookupError, TypeError) as error:
        remedy = "define it under `definitions`, or add the schema as a reference of that name"
        raise InvalidSchemaError(path, f"{reference} leads nowhere", remedy) from error


def _require_progress(schema: JsonSchema) -> None:
    """Refuse references that come back to where they began at the same value: validators never end there."""
    ends: set[int] = set()
    for path, source, resolver in walk(schema.source, schema):
        if not _ends(source, resolver, schema, ends, frozenset()):
            raise InvalidSchemaError(path, "refers to itself at the same value", "refer to it from a property or item")


def _ends(source: Any, resolver: Resolver, schema: JsonSchema, ends: set[int], above: frozenset[int]) -> bool:
    if id(source) in ends or not isinstance(source, Mapping):
        return True
    if id(source) in above:
        return False
    below = above | {id(source)}
    is_fine = all(_ends(each, base, schema, ends, below) for each, base in _at_same_value(source, resolver, schema))
    if is_fine:
        ends.add(id(source))
    return is_fine


def _at_same_value(source: Mapping[str, Any], resolver: Resolver, schema: JsonSchema) -> Iterator[tuple[Any, Resolver]]:
    """The schemas that judge the same value as this one."""
    if isinstance(source.get("$ref"), str):
        found = resolver.lookup(source["$ref"])
        yield found.contents, found.resolver
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from ((each, inside(resolver, each, schema)) for each in source.get(keyword, ()))
    for keyword in ("not", "if", "then", "else"):
        if keyword in source:
            yield source[keyword], inside(resolver, source[keyword], schema)
    for keyword in ("dependencies", "dependentSchemas"):
        yield from ((each, inside(resolver, each, schema)) for each in source.get(keyword, {}).values())


def walk(source: Any, schema: JsonSchema) -> Iterator[tuple[str, Any, Resolver]]:
    """Every schema inside a schema, itself first: its pointer, and the resolver that knows its base."""
    open_: list[tuple[str, Any, Resolver]] = [("", source, schema.resolver)]
    while open_:
        path, found, resolver = open_.pop()
        yield path, found, resolver
        if isinstance(found, Mapping):
            open_ += [(f"{path}{inner}", below, inside(resolver, below, schema)) for inner, below in _below(found)]


def inside(resolver: Resolver, source: Any, schema: JsonSchema) -> Resolver:
    """The resolver for a schema inside another: one with an `$id` has a base of its own."""
    if not isinstance(source, Mapping) or not ("$id" in source or "id" in source):
        return resolver
    return resolver.in_subresource(Resource(contents=source, specification=specification_with(schema.dialect)))


def _below(source: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for keyword, value in source.items():
        if keyword in ONE_SCHEMA and isinstance(value, Mapping | bool):
            yield f"/{keyword}", value
        elif keyword in LISTED_SCHEMAS and isinstance(value, list):
            yield from ((f"/{keyword}/{place}", below) for place, below in enumerate(value))
        elif keyword in NAMED_SCHEMAS and isinstance(value, Mapping):
            yield from ((f"/{keyword}/{escaped(name)}", below) for name, below in value.items())


def escaped(name: str) -> str:
    """A name as a JSON pointer writes it."""
    return name.replace("~", "~0").replace("/", "~1")


def json_normal(source: Any) -> Any:
    """The normal form of parsed JSON that is known to be a JSON Schema: what is a set is sorted."""
    if not isinstance(source, Mapping):
        return source
    return {keyword: _normal(keyword, value) for keyword, value in source.items()}


def _normal(keyword: str, value: Any) -> Any:
    if keyword in NAMED_SCHEMAS and isinstance(value, Mapping):
        return {name: json_normal(below) for name, below in value.items()}
    if keyword in LISTED_SCHEMAS and isinstance(value, list):
        return [json_normal(below) for below in value]
    if keyword in SETS and isinstance(value, list):
        return sorted(value)
    return json_normal(value) if keyword in ONE_SCHEMA else value
