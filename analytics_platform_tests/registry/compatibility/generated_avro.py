"""Pairs of Avro schemas that nearly agree: one, and the same with a few changes of every kind."""

import copy
import random
from collections.abc import Iterator
from typing import Any

FIELDS = ("a", "b", "c", "d")
TYPES = ("A", "B", "ns.A", "ns.B")
SYMBOLS = ("RED", "BLUE", "OTHER", "GREEN")
SCALARS = ("null", "boolean", "int", "long", "float", "double", "string", "bytes")
LOGICAL = (
    {"type": "int", "logicalType": "date"},
    {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "time-micros"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "long", "logicalType": "local-timestamp-millis"},
    {"type": "long", "logicalType": "local-timestamp-micros"},
    {"type": "string", "logicalType": "uuid"},
    {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
    {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 3},
    {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2},
)


class Schemas:
    """Makes schemas and changes them; the same seed makes the same ones."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def pair(self) -> tuple[Any, Any]:
        """A writer's schema and a reader's: mostly one changed in a few places."""
        self.defined: set[str] = set()
        writer = self.record(0)
        if self.chance.random() < 0.05:
            self.defined = set()
            return writer, self.record(0)
        held = [copy.deepcopy(writer)]
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
            self.change(held)
        reader = flat(held[0])
        return (writer, reader) if self.chance.random() < 0.5 else (reader, writer)

    def record(self, depth: int) -> Any:
        name = self.free_name()
        if name is None:
            return self.chance.choice(SCALARS)
        self.defined.add(name)
        names = self.chance.sample(FIELDS, self.chance.randint(0 if depth else 1, 3))
        return {"type": "record", "name": name, "fields": [self.field(each, depth) for each in names]}

    def field(self, name: str, depth: int) -> dict[str, Any]:
        type_ = self.type(depth + 1)
        field: dict[str, Any] = {"name": name, "type": type_}
        if self.chance.random() < 0.4:
            field["default"] = self.default(type_)
        return field

    def free_name(self) -> str | None:
        free = [name for name in TYPES if name not in self.defined]
        return self.chance.choice(free) if free else None

    def type(self, depth: int) -> Any:
        kind = self.chance.random()
        if kind < 0.35 or depth > 3:
            return self.chance.choice(SCALARS)
        if kind < 0.5:
            return dict(self.chance.choice(LOGICAL))
        if kind < 0.7:
            return self.union(depth)
        if kind < 0.8:
            return {"type": "array", "items": self.type(depth + 1)}
        if kind < 0.85:
            return {"type": "map", "values": self.type(depth + 1)}
        return self.named(depth)

    def named(self, depth: int) -> Any:
        if self.defined and self.chance.random() < 0.2:
            return ["null", self.chance.choice(sorted(self.defined))]
        name = self.free_name()
        if name is None or self.chance.random() < 0.4:
            return self.record(depth)
        self.defined.add(name)
        if self.chance.random() < 0.6:
            symbols = self.chance.sample(SYMBOLS, self.chance.randint(1, 3))
            with_default = {"default": "OTHER"} if "OTHER" in symbols and self.chance.random() < 0.7 else {}
            return {"type": "enum", "name": name, "symbols": symbols, **with_default}
        return {"type": "fixed", "name": name, "size": self.chance.choice((2, 3))}

    def union(self, depth: int) -> Any:
        branches: list[Any] = ["null"] if self.chance.random() < 0.7 else []
        branches += [self.type(depth + 2) for _ in range(self.chance.choice((1, 1, 2)))]
        self.chance.shuffle(branches)
        return flat(branches)

    def default(self, type_: Any) -> Any:
        """Usually a value of the type; sometimes not."""
        if self.chance.random() < 0.02:
            return self.chance.choice(("x", 1, None, [], {}, True, 2**40, "€"))
        kind = type_[0] if isinstance(type_, list) and type_ else type_
        kind = kind["type"] if isinstance(kind, dict) else kind
        sizes = type_.get("size", 0) if isinstance(type_, dict) else 0
        if kind == "enum" and isinstance(type_, dict):
            return type_["symbols"][0]
        if not isinstance(kind, str):
            return None
        plain = {"null": None, "boolean": True, "int": 1, "long": 1, "float": 1.5, "double": 1.5, "string": "x"}
        return {**plain, "bytes": "\x01", "array": [], "map": {}, "fixed": "\x01" * sizes, "record": {}}.get(kind)

    def change(self, held: list[Any]) -> None:
        """One change somewhere inside."""
        holder, key = self.chance.choice(list(slots(held, 0)))
        node = holder[key]
        if isinstance(node, dict) and self.chance.random() < 0.8:
            self.change_node(node)
        elif isinstance(node, list) and self.chance.random() < 0.8:
            self.change_union(node)
        elif holder is not held:
            holder[key] = self.replaced(node)

    def replaced(self, node: Any) -> Any:
        nearby = {"int": ("long", "double", "float"), "long": ("double", "int"), "float": ("double",)}
        nearby |= {"string": ("bytes",), "bytes": ("string",)}
        way = self.chance.random()
        if isinstance(node, str) and node in nearby and way < 0.5:
            return self.chance.choice(nearby[node])
        if way < 0.75 and not isinstance(node, list):
            return self.chance.choice((["null", node], [node, "null"], [node, "string", "bytes"]))
        if isinstance(node, list) and len(node) > 1 and way < 0.8:
            return self.chance.choice(node)
        return self.type(2)

    def change_union(self, branches: list[Any]) -> None:
        way = self.chance.random()
        if way < 0.3:
            self.chance.shuffle(branches)
        elif way < 0.6 and len(branches) > 1:
            branches.pop(self.chance.randrange(len(branches)))
        else:
            new = copy.deepcopy(self.chance.choice((*SCALARS, *LOGICAL)))
            branches.insert(self.chance.randint(0, len(branches)), new)

    def change_node(self, node: dict[str, Any]) -> None:
        kind = node.get("type")
        if "logicalType" in node:
            self.change_logical(node)
        elif kind == "enum":
            self.change_enum(node)
        elif kind == "fixed":
            self.chance.choice((self.rename, lambda n: n.update(size=self.chance.choice((2, 3)))))(node)
        elif kind == "record":
            self.chance.choice((self.rename, *[self.change_fields] * 5))(node)
        elif kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            node[inner] = self.replaced(node[inner])

    def change_logical(self, node: dict[str, Any]) -> None:
        other = dict(self.chance.choice(LOGICAL)) if self.chance.random() < 0.7 else {"type": node["type"]}
        node.clear()
        node.update(other)

    def change_enum(self, node: dict[str, Any]) -> None:
        way = self.chance.random()
        if way < 0.2:
            self.rename(node)
        elif way < 0.4:
            node.update(default="OTHER") if "OTHER" in node["symbols"] else node.pop("default", None)
        else:
            node["symbols"] = self.chance.sample(SYMBOLS, self.chance.randint(1, 4))

    def rename(self, node: dict[str, Any]) -> None:
        old, node["name"] = node["name"], self.chance.choice(TYPES)
        if self.chance.random() < 0.5:
            node["aliases"] = [old]

    def change_fields(self, node: dict[str, Any]) -> None:
        fields, way = node["fields"], self.chance.random()
        free = [name for name in FIELDS if name not in {field["name"] for field in fields}]
        if way < 0.35 and free:
            fields.insert(self.chance.randint(0, len(fields)), self.field(self.chance.choice(free), 2))
        elif way < 0.6 and fields:
            fields.pop(self.chance.randrange(len(fields)))
        elif way < 0.7:
            self.chance.shuffle(fields)
        elif fields:
            self.change_field(self.chance.choice(fields), free)

    def change_field(self, field: dict[str, Any], free: list[str]) -> None:
        way = self.chance.random()
        if way < 0.4 and free:
            old, field["name"] = field["name"], self.chance.choice(free)
            field["aliases"] = [old]
        elif way < 0.6:
            field["aliases"] = self.chance.sample(FIELDS, self.chance.randint(1, 2))
        elif way < 0.8:
            field["default"] = self.default(field["type"])
        else:
            field.pop("default", None)


def flat(node: Any) -> Any:
    """The type with unions inside unions made one, and branches that stand twice left out."""
    if isinstance(node, list):
        inner = [flat(each) for each in node]
        branches = [each for branch in inner for each in (branch if isinstance(branch, list) else [branch])]
        return list(
            {str(each if isinstance(each, str) else each.get("name", each["type"])): each for each in branches}.values()
        )
    if isinstance(node, dict):
        held = {key: flat(node[key]) for key in ("items", "values") if key in node}
        fields = {"fields": [{**f, "type": flat(f["type"])} for f in node["fields"]]} if "fields" in node else {}
        return {**node, **held, **fields}
    return node


def _key(branch: Any) -> str:
    return branch if isinstance(branch, str) else str(branch.get("name", branch["type"]))


def slots(holder: Any, key: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a type, as what holds it and the key there."""
    yield holder, key
    node = holder[key]
    if isinstance(node, list):
        for place in range(len(node)):
            yield from slots(node, place)
    elif isinstance(node, dict):
        for inner in ("items", "values"):
            if inner in node:
                yield from slots(node, inner)
        for field in node.get("fields", ()):
            yield from slots(field, "type")
