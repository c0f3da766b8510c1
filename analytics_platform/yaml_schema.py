"""What is wrong with a YAML text by a JSON schema: each fault with its line and what to do about it. Pure.

Of JSON Schema just what the platform's own schemas use is understood, and `form`: a pattern in words.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from analytics_platform.yaml_text import Fault, line_of, parse_yaml

TEXT = "tag:yaml.org,2002:str"
TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A text, read: its node tells lines, its value what it says; both are None where it says nothing."""

    node: Node | None
    value: Any
    faults: tuple[Fault, ...]


def check_text(text: str, schema: Mapping[str, Any]) -> Checked:
    """Read a text, and hold it against a schema. Nothing is read of one that is no YAML, or is a puzzle."""
    found = parse_yaml(text)
    if isinstance(found, Fault):
        return Checked(node=None, value=None, faults=(found,))
    if (node := found.node) is None:
        return Checked(node=None, value=None, faults=())
    value = found.value
    return Checked(node=node, value=value, faults=tuple(sorted(set(_Walk(schema).of(node, value, schema)))))


def unknown(node: Node, name: str, known: Collection[Any], what: str) -> Fault:
    """That a name is none of those that may stand there, with the closest of them."""
    close = get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.5)
    remedy = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(str(k) for k in known))}"
    return Fault(line=line_of(node), problem=f"unknown {what} `{name}`", remedy=remedy)


def entry(node: Node | None, name: str) -> Any:
    """The node under a key; None where there is none."""
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def entries(node: Node | None, name: str) -> list[Any]:
    """The nodes of the list under a key."""
    found = entry(node, name)
    return found.value if isinstance(found, SequenceNode) else []


class _Walk:
    """Goes through a text and a schema side by side."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def of(self, node: Node, value: Any, rule: Mapping[str, Any]) -> Iterator[Fault]:
        if "$ref" in rule:
            rule = self._schema["$defs"][rule["$ref"].rpartition("/")[2]]
        wanted = rule.get("type", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted and not any(TYPES[name](value) for name in wanted):
            remedy = f"write {rule.get('form') or _article(wanted)}"
            yield Fault(line=line_of(node), problem=f"{_shown(value)} stands here", remedy=remedy)
            return
        yield from _of_scalar(node, value, rule)
        if isinstance(node, MappingNode):
            yield from self._of_mapping(node, value, rule)
        if isinstance(node, SequenceNode) and "items" in rule:
            for below, inner in zip(node.value, value, strict=True):
                yield from self.of(below, inner, rule["items"])

    def _of_mapping(self, node: MappingNode, value: Mapping[str, Any], rule: Mapping[str, Any]) -> Iterator[Fault]:
        known, others = rule.get("properties", {}), rule.get("additionalProperties")
        names = [key.value for key, _ in node.value]
        for key, below in node.value:
            if names.count(key.value) > 1:  # the value is that of the last one: the nodes of the others are another's
                problem = f"`{key.value}` stands twice in one place"
                yield Fault(line=line_of(key), problem=problem, remedy="keep one of them")
            elif key.tag != TEXT:
                problem = f"`{key.value}` is a key, and no text"
                yield Fault(line=line_of(key), problem=problem, remedy="put it in quotes")
            elif key.value in known:
                yield from self.of(below, value[key.value], known[key.value])
            elif others is False:
                yield unknown(key, key.value, list(known), "key")
            elif others:
                yield from _of_scalar(key, key.value, rule.get("propertyNames", {}))
                yield from self.of(below, value[key.value], others)
        yield from _of_count(node, names, rule)


def _of_scalar(node: Node, value: Any, rule: Mapping[str, Any]) -> Iterator[Fault]:
    if "enum" in rule and value not in rule["enum"]:
        yield unknown(node, str(value), rule["enum"], "value")
    form = rule.get("form") or rule.get("pattern")
    if "pattern" in rule and not re.search(rule["pattern"], str(value)):
        yield Fault(line=line_of(node), problem=f"{_shown(value)} has another form", remedy=f"write {form}")
    least = rule.get("minimum")
    if least is not None and not isinstance(value, bool) and isinstance(value, int | float) and not value >= least:
        yield Fault(line=line_of(node), problem=f"{_shown(value)} is too little", remedy=f"write {least} or more")


def _of_count(node: MappingNode, names: Collection[str], rule: Mapping[str, Any]) -> Iterator[Fault]:
    for name in rule.get("required", []):
        if name not in names:
            yield Fault(line=line_of(node), problem=f"`{name}` is missing", remedy="add it")
    least, most = rule.get("minProperties", 0), rule.get("maxProperties", len(names))
    if not least <= len(names) <= most:
        wanted = f"{least} key" if least == most else f"{least} to {most} keys"
        yield Fault(line=line_of(node), problem=f"{len(names)} keys stand here", remedy=f"write {wanted}")


def _shown(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str | int | float | bool) else type(value).__name__.replace("None", "no")


def _article(wanted: Collection[str]) -> str:
    return " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in wanted if name != "null")
