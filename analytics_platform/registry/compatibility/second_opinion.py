"""What the field's own libraries say of a pair of schemas: "compatible" needs their word beside ours. Pure.

They say yes or no, without a path that a person could use, and are wrong in places that ours know; so they never
overrule a break, and what they cannot judge counts as a no.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsoncompat
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.name import Names
from avro.schema import Schema, make_avsc_object

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.compatibility.findings import SchemaText
from analytics_platform.registry.compatibility.json_parts import DRAFT_2020
from analytics_platform.registry.compatibility.json_schema import walk
from analytics_platform.registry.compatibility.normal_form import normalize, parsed_json

KEPT = 1024
RUST_PANIC = "PanicException"
CHANGED = (  # keywords that mean something in one dialect and nothing, or something else, in another
    *("additionalItems", "dependencies", "prefixItems", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"),
    *("id", "const", "contains", "propertyNames", "if", "dependentRequired", "dependentSchemas", "$anchor"),
)


def objection(writer: SchemaText, reader: SchemaText) -> str | None:
    """Why a library doubts that data of the writer can be read with the reader; None if it does not."""
    if writer.format is SchemaFormat.AVRO:
        return _avro_objection(writer, reader)
    return _json_objection(writer, reader)


def _avro_objection(writer: SchemaText, reader: SchemaText) -> str | None:
    try:
        found = ReaderWriterCompatibilityChecker().get_compatibility(_avro(reader), _avro(writer))
    except (AvroException, RecursionError, LookupError, TypeError, ValueError, AttributeError) as error:
        return f"avro cannot judge it: {type(error).__name__}: {error}"
    if found.compatibility is SchemaCompatibilityType.compatible:
        return None
    return f"avro says {'; '.join(sorted(found.messages))} at {', '.join(sorted(found.locations))}"


@lru_cache(maxsize=KEPT)
def _avro(schema: SchemaText) -> Schema:
    """The library's own reading, of the normal form: it does not complete aliases by itself."""
    names, known = Names(), set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of logical types that it ignores, as it should
        for text in _texts(schema):
            if text not in known:
                found = make_avsc_object(json.loads(text), names)
                known.add(text)
    return found


def _texts(schema: SchemaText) -> Iterator[str]:
    """The texts that a schema needs, those that it refers to first."""
    for reference in schema.references:
        yield from _texts(reference.schema)
    yield normalize(schema)


def _json_objection(writer: SchemaText, reader: SchemaText) -> str | None:
    texts = [_in_newest_dialect(schema) for schema in (writer, reader)]
    if None in texts:
        return None
    try:
        is_compatible = jsoncompat.check_compat(str(texts[0]), str(texts[1]), "deserializer")
    except BaseException as error:  # a panic of Rust is no Exception; it must not end whoever asked
        if not isinstance(error, ValueError) and type(error).__name__ != RUST_PANIC:
            raise
        return f"jsoncompat cannot judge it: {error}"
    return None if is_compatible else "jsoncompat says that some documents of the writer are none of the reader"


def _in_newest_dialect(schema: SchemaText) -> str | None:
    """The schema as the only dialect that jsoncompat reads; None if it says there something else, or refers elsewhere.

    Our rules follow references and know the older dialects; there, they stand alone.
    """
    source = json.loads(normalize(schema))
    if schema.references or isinstance(source, bool):
        return None
    if parsed_json(schema).dialect != DRAFT_2020 and any(_has_changed(each) for _, each, _ in walk_of(schema)):
        return None
    return json.dumps({keyword: value for keyword, value in source.items() if keyword != "$schema"})


def _has_changed(source: Any) -> bool:
    """Whether a part of a schema says in the newest dialect something else than in an older one."""
    if not isinstance(source, Mapping):
        return False
    bounds = (source.get("exclusiveMinimum"), source.get("exclusiveMaximum"))
    return (
        any(keyword in source for keyword in CHANGED)
        or isinstance(source.get("items"), list)
        or any(isinstance(bound, bool) for bound in bounds)
        or ("$ref" in source and len(source) > 1)
    )


def walk_of(schema: SchemaText) -> Iterator[tuple[str, Any, Any]]:
    """Every schema inside a JSON Schema."""
    found = parsed_json(schema)
    return walk(found.source, found)
