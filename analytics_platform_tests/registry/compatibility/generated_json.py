"""Pairs of JSON Schemas that nearly agree: one, and the same with a few changes of every kind."""

import copy
import random
from collections.abc import Iterator
from typing import Any

NAMES = ("a", "b", "ab", "c")
PATTERNS = ("^a", "b$", "c")
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
VALUES = (
    None,
    True,
    False,
    0,
    1,
    2,
    1.5,
    -1,
    "",
    "a",
    "ab",
    "abc",
    [],
    [1],
    ["a", 1],
    {},
    {"a": 1},
    {"b": "a", "c": None},
)
DRAFT_4, DRAFT_7 = "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
DIALECTS = (DRAFT_7, DRAFT_7, DRAFT_2020, DRAFT_4)
DEEPEST = 3


class Schemas:
    """Makes schemas and changes them; the same seed makes the same ones."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.dialect = DRAFT_7

    def pair(self) -> tuple[Any, Any]:
        """A writer's schema and a reader's: mostly one changed in a few places."""
        self.dialect = self.chance.choice(DIALECTS)
        writer = self.root()
        if self.chance.random() < 0.1:
            return writer, self.root()
        reader = copy.deepcopy(writer)
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
            self.change(reader)
        return (writer, reader) if self.chance.random() < 0.5 else (reader, writer)

    def root(self) -> dict[str, Any]:
        """A schema that says its dialect, mostly of an object, and the definitions that it may refer to."""
        schema = self.object(0) if self.chance.random() < 0.7 else self.schema(0)
        found = schema if isinstance(schema, dict) else {}
        if any("$ref" in each for each in inside(found) if isinstance(each, dict)):
            definitions = {name: self.schema(1) for name in ("x", "y")}
            found["definitions"] = {name: each if isinstance(each, dict) else {} for name, each in definitions.items()}
        return {"$schema": self.dialect, **found}

    def schema(self, depth: int) -> Any:
        way = self.chance.random()
        if depth > DEEPEST or way < 0.4:
            return self.scalar()
        if way < 0.6:
            return self.object(depth)
        if way < 0.72:
            return self.array(depth)
        if way < 0.9:
            return self.combined(depth)
        if way < 0.96:
            return {"$ref": f"#/definitions/{self.chance.choice('xy')}"}
        return self.chance.choice((True, False)) if self.dialect != DRAFT_4 else {}

    def scalar(self) -> Any:
        way = self.chance.random()
        if way < 0.15:
            return {"enum": self.chance.sample(VALUES, self.chance.randint(1, 3))}
        if way < 0.2 and self.dialect != DRAFT_4:
            return {"const": self.chance.choice(VALUES)}
        if way < 0.3:
            return {"type": self.chance.sample(TYPES, self.chance.randint(1, 3))}
        name = self.chance.choice(TYPES)
        return {"type": name} | dict(self.chance.sample(self.keywords(name), self.chance.choice((0, 0, 1, 2))))

    def keywords(self, type_: str) -> list[tuple[str, Any]]:
        """Keywords that say something of values of a type."""
        count, number = self.chance.randint(0, 3), self.chance.choice((-1, 0, 1, 2, 1.5))
        numbers: list[tuple[str, Any]] = [
            *(("minimum", number), ("maximum", number), ("multipleOf", self.chance.choice((1, 2, 3, 0.5)))),
        ]
        if self.dialect != DRAFT_4:
            numbers += [("exclusiveMinimum", number), ("exclusiveMaximum", number)]
        texts = [("minLength", count), ("maxLength", count), ("pattern", self.chance.choice(PATTERNS))]
        return {
            "integer": numbers,
            "number": numbers,
            "string": texts,
            "array": [("minItems", count), ("maxItems", count), ("uniqueItems", True)],
            "object": [("minProperties", count), ("maxProperties", count)],
        }.get(type_, [("description", "d"), ("title", "t")])

    def object(self, depth: int) -> dict[str, Any]:
        names = self.chance.sample(NAMES, self.chance.randint(0, 3))
        found: dict[str, Any] = {"type": "object", "properties": {name: self.schema(depth + 1) for name in names}}
        if names and self.chance.random() < 0.5:
            found["required"] = self.chance.sample(names, self.chance.randint(1, len(names)))
        if self.chance.random() < 0.5:
            found["additionalProperties"] = False if self.chance.random() < 0.6 else self.schema(depth + 2)
        if self.chance.random() < 0.15:
            found["patternProperties"] = {self.chance.choice(PATTERNS): self.schema(depth + 2)}
        if self.chance.random() < 0.05 and self.dialect != DRAFT_4:
            found["propertyNames"] = {"pattern": self.chance.choice(PATTERNS)}
        if self.chance.random() < 0.05:
            found["dependencies"] = {"a": ["b"]}
        return found

    def array(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "array"} | dict(self.chance.sample(self.keywords("array"), 1))
        if self.chance.random() < 0.7:
            found["items"] = self.schema(depth + 1)
        elif self.dialect == DRAFT_2020:
            found |= {"prefixItems": [self.schema(depth + 2)], "items": self.schema(depth + 2)}
        else:
            found |= {"items": [self.schema(depth + 2)], "additionalItems": self.schema(depth + 2)}
        if self.chance.random() < 0.1 and self.dialect != DRAFT_4:
            found["contains"] = self.schema(depth + 2)
        return found

    def combined(self, depth: int) -> dict[str, Any]:
        keyword = self.chance.choice(("anyOf", "anyOf", "oneOf", "allOf", "not", "if"))
        if keyword == "not":
            return {"not": self.schema(depth + 2)}
        if keyword == "if":
            return {"if": self.schema(depth + 2), "then": self.schema(depth + 2), "else": self.schema(depth + 2)}
        return {keyword: [self.schema(depth + 1) for _ in range(self.chance.randint(1, 3))]}

    def change(self, schema: Any) -> None:
        """One change somewhere inside."""
        node = self.chance.choice([each for each in inside(schema) if isinstance(each, dict)])
        changes = (self.drop, self.add, self.retype, self.renumber, self.widen, self.close, self.require, self.wrap)
        self.chance.choice(changes)(node)

    def drop(self, node: dict[str, Any]) -> None:
        known = [key for key in node if key not in ("$schema", "definitions")]
        if known:
            node.pop(self.chance.choice(known))

    def add(self, node: dict[str, Any]) -> None:
        if self.chance.random() < 0.5 and "properties" in node:
            node["properties"][self.chance.choice(NAMES)] = self.schema(2)
        else:
            type_ = node.get("type", "object")
            name = type_ if isinstance(type_, str) else self.chance.choice(TYPES)
            node.update([self.chance.choice(self.keywords(name))])

    def retype(self, node: dict[str, Any]) -> None:
        if isinstance(node.get("type"), str):
            others = self.chance.sample(TYPES, self.chance.randint(0, 2))
            node["type"] = sorted({node["type"], *others}) if others else self.chance.choice(TYPES)

    def renumber(self, node: dict[str, Any]) -> None:
        numbers = [
            k for k, v in node.items() if isinstance(v, int | float) and not isinstance(v, bool) and k != "const"
        ]
        if numbers:
            keyword = self.chance.choice(numbers)
            node[keyword] = max(1 if keyword == "multipleOf" else 0, node[keyword] + self.chance.choice((-1, 1)))

    def widen(self, node: dict[str, Any]) -> None:
        for keyword in ("enum", "anyOf", "oneOf", "allOf"):
            if keyword in node:
                extra = self.chance.choice(VALUES) if keyword == "enum" else self.schema(2)
                node[keyword] = [*node[keyword], extra] if self.chance.random() < 0.6 else node[keyword][:1]

    def close(self, node: dict[str, Any]) -> None:
        if "properties" in node:
            node["additionalProperties"] = self.chance.choice((False, False, self.schema(2)))
            if self.chance.random() < 0.5 and node["properties"]:
                node["properties"].pop(self.chance.choice(list(node["properties"])))

    def require(self, node: dict[str, Any]) -> None:
        if node.get("properties"):
            node["required"] = self.chance.sample(NAMES, self.chance.randint(1, 2))

    def wrap(self, node: dict[str, Any]) -> None:
        """The same in other words, or nearly."""
        inner = {k: node.pop(k) for k in list(node) if k not in ("$schema", "definitions")}
        keyword = self.chance.choice(("anyOf", "allOf", "oneOf"))
        node[keyword] = [inner] if self.chance.random() < 0.5 else [inner, self.schema(2)]


def inside(schema: Any) -> Iterator[Any]:
    """Every schema inside a schema, itself first."""
    yield schema
    if not isinstance(schema, dict):
        return
    for keyword in ("additionalProperties", "additionalItems", "contains", "items", "not", "if", "then", "else"):
        if isinstance(schema.get(keyword), dict):
            yield from inside(schema[keyword])
    for keyword in ("allOf", "anyOf", "oneOf", "prefixItems", "items"):
        if isinstance(schema.get(keyword), list):
            yield from (found for each in schema[keyword] for found in inside(each))
    for keyword in ("properties", "patternProperties", "definitions"):
        yield from (found for each in schema.get(keyword, {}).values() for found in inside(each))
