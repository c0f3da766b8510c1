"""Documents that a writer's JSON Schema allows, and what a reader's schema says of them, by jsonschema."""

import random
from collections.abc import Iterator
from typing import Any

from jsonschema.validators import validator_for
from referencing import Registry

from analytics_platform_tests.registry.compatibility.generated_json import NAMES, VALUES

DEEPEST = 5


class Documents:
    """Makes documents that look like a schema, and often are valid."""

    def __init__(self, chance: random.Random, root: Any) -> None:
        self.chance, self.root = chance, root

    def some(self) -> Any:
        return self.like(self.root, 0)

    def like(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > DEEPEST:
            return self.anything()
        if "$ref" in schema:
            return self.like(self.root["definitions"][schema["$ref"].rpartition("/")[2]], depth + 1)
        if "const" in schema or "enum" in schema:
            return self.chance.choice(schema.get("enum", [schema.get("const")]))
        for keyword in ("anyOf", "oneOf", "allOf"):
            if schema.get(keyword):
                return self._both(schema, self.chance.choice(schema[keyword]), depth)
        if "if" in schema:
            return self._both(schema, schema.get(self.chance.choice(("then", "else")), {}), depth)
        return self._typed(schema, depth)

    def _both(self, schema: dict[str, Any], inner: Any, depth: int) -> Any:
        found = self.like(inner, depth + 1)
        mine = self._typed(schema, depth + 1) if schema.get("properties") else {}
        return {**mine, **found} if isinstance(found, dict) and isinstance(mine, dict) else found

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        named = schema.get("type", "object" if "properties" in schema else None)
        match self.chance.choice(named) if isinstance(named, list) else named:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                length = schema.get("minLength", schema.get("maxLength", self.chance.randint(0, 3)))
                return "".join(self.chance.choice("abc") for _ in range(length))
            case "integer" | "number" as name:
                return self._number(schema, name)
            case "boolean":
                return self.chance.choice((True, False))
            case "null":
                return None
        return self.anything()

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        known, extra = schema.get("properties", {}), schema.get("additionalProperties", True)
        found = {}
        for name in NAMES:
            is_wanted = name in schema.get("required", ())
            if name in known and (is_wanted or self.chance.random() < 0.6):
                found[name] = self.like(known[name], depth + 1)
            elif name not in known and (is_wanted or (extra is not False and self.chance.random() < 0.3)):
                found[name] = self.like(extra, depth + 1)
        return found

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        count = schema.get("minItems", min(self.chance.randint(0, 3), schema.get("maxItems", 3)))
        each = schema.get("items", True)
        first = schema.get("prefixItems", each if isinstance(each, list) else [])
        rest = schema.get("additionalItems", True) if isinstance(each, list) else each
        return [self.like(first[i] if i < len(first) else rest, depth + 1) for i in range(count)]

    def _number(self, schema: dict[str, Any], name: str) -> Any:
        keywords = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
        known = [schema[k] for k in keywords if k in schema and not isinstance(schema[k], bool)]
        number = self.chance.choice([*known, 0, 6]) + self.chance.choice((0, 0, 1, -1))
        if name == "number" and self.chance.random() < 0.3:
            return number + 0.5
        return float(number) if self.chance.random() < 0.1 else int(number)

    def anything(self) -> Any:
        return self.chance.choice(VALUES)

    def altered(self, document: Any) -> Any:
        """The document with one thing else: a property less, more, or of another value."""
        if not isinstance(document, dict):
            return self.anything()
        changed = dict(document)
        if changed and self.chance.random() < 0.4:
            changed.pop(self.chance.choice(list(changed)))
        else:
            changed[self.chance.choice(NAMES)] = self.anything()
        return changed


def failures(writer: Any, reader: Any, chance: random.Random, tries: int) -> Iterator[str]:
    """Documents that are valid for the writer and not for the reader, each with what the reader says."""
    write, read = (validator_for(each)(each, registry=Registry()) for each in (writer, reader))
    ours, theirs = Documents(chance, writer), Documents(chance, reader)
    documents = [ours.some() for _ in range(tries)] + [theirs.some() for _ in range(tries // 2)]
    documents += [ours.altered(each) for each in documents]
    for document in documents:
        if write.is_valid(document):
            error = next(iter(read.iter_errors(document)), None)
            if error is not None:
                yield f"{document!r}: {error.message}"
