"""What is wrong with a contract's text, line by line: Soda lets an unknown or misspelt key pass. Pure.

The rules are a JSON schema, contract.schema.json; of JSON Schema just what it uses is understood.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from analytics_platform.quality.contract import LOADER

SCHEMA_FILE = Path(__file__).with_name("contract.schema.json")
TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One thing that is wrong, where, and what to do about it."""

    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}; {self.remedy}"


def faults_of(text: str, columns: Collection[str] = ()) -> list[Fault]:
    """What is wrong with the contract's text, in order of lines; `columns` are those of its table, if known."""
    try:
        node, value = yaml.compose(text, LOADER), yaml.load(text, LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [Fault(line=mark.line + 1 if mark else 1, problem="is no YAML", remedy="mend the text")]
    if node is None:
        return [Fault(line=1, problem="is empty", remedy="begin with `dataset: platform/main/<name>`")]
    found = set(_of_schema(node, value, _schema()))
    if not found:  # what is misspelt has no meaning that could be checked
        found = {*_of_columns(node, columns), *_of_checks(node)}
    return sorted(found)


@cache
def _schema() -> dict[str, Any]:
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def _of_schema(node: Node, value: Any, rule: Mapping[str, Any]) -> Iterator[Fault]:
    if "$ref" in rule:
        rule = _schema()["$defs"][rule["$ref"].rpartition("/")[2]]
    wanted = rule.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and not any(TYPES[name](value) for name in wanted):
        yield Fault(line=_line(node), problem=f"{_shown(value)} stands here", remedy=f"write {_article(wanted)}")
        return
    if "enum" in rule and value not in rule["enum"]:
        yield _unknown(node, str(value), rule["enum"], "value")
    if "pattern" in rule and not re.search(rule["pattern"], str(value)):
        yield Fault(line=_line(node), problem=f"{_shown(value)} has another form", remedy=f"write {rule['pattern']}")
    if isinstance(node, MappingNode):
        yield from _of_mapping(node, value, rule)
    if isinstance(node, SequenceNode) and "items" in rule:
        for below, inner in zip(node.value, value, strict=True):
            yield from _of_schema(below, inner, rule["items"])


def _of_mapping(node: MappingNode, value: Mapping[str, Any], rule: Mapping[str, Any]) -> Iterator[Fault]:
    known = rule.get("properties", {})
    names = [key.value for key, _ in node.value]
    for key, below in node.value:
        if key.value in known:
            yield from _of_schema(below, value[key.value], known[key.value])
        elif rule.get("additionalProperties") is False:
            yield _unknown(key, key.value, list(known), "key")
        if names.count(key.value) > 1:
            yield Fault(line=_line(key), problem=f"`{key.value}` stands twice in one place", remedy="keep one of them")
    for name in rule.get("required", []):
        if name not in names:
            yield Fault(line=_line(node), problem=f"`{name}` is missing", remedy="add it")
    least, most = rule.get("minProperties", 0), rule.get("maxProperties", len(names))
    if not least <= len(names) <= most:
        wanted = f"{least} key" if least == most else f"{least} to {most} keys"
        yield Fault(line=_line(node), problem=f"{len(names)} keys stand here", remedy=f"write {wanted}")


def _of_columns(node: Node, columns: Collection[str]) -> Iterator[Fault]:
    """Columns that the table does not have: Soda would fail every check of the query that they are in."""
    if not columns:
        return
    for column in _list(node, "columns"):
        name = _get(column, "name")
        if name is not None and name.value not in columns:
            yield _unknown(name, name.value, columns, "column")
    for check in _list(node, "checks"):
        for _, body in check.value:
            named = [_get(body, "column"), *_list(body, "columns")] if isinstance(body, MappingNode) else []
            yield from (_unknown(n, n.value, columns, "column") for n in named if n and n.value not in columns)


def _of_checks(node: Node) -> Iterator[Fault]:
    """What no check of its kind can do."""
    shared = _attribute(node, "check_attributes", "scope")
    if _attribute(node, "check_attributes", "reference"):
        problem = "all checks would compare with a reference"
        yield Fault(line=_line(node), problem=problem, remedy="write it into the `attributes` of the one that does")
    checks = [*_list(node, "checks")]
    for column in _list(node, "columns"):
        checks += _list(column, "checks")
    for check in checks:
        ((kind, body),) = check.value
        yield from _of_scope(kind, body, _attribute(body, "attributes", "scope") or shared or "batch")
        if kind.value in ("metric", "failed_rows"):
            given = [name for name in ("expression", "query") if _get(body, name) is not None]
            if len(given) != 1:
                problem = f"{kind.value} has {' and '.join(given) or 'nothing to compute'}"
                yield Fault(line=_line(kind), problem=problem, remedy="give it either `expression` or `query`")


def _of_scope(kind: ScalarNode, body: Node, scope: str) -> Iterator[Fault]:
    """What a check cannot say of a batch, or cannot do about a table."""
    if scope == "batch" and kind.value in ("freshness", "schema"):
        problem = f"a {kind.value} check of a batch"
        remedy = "set `attributes: {scope: table}`; batches have the stream's own freshness, and its schema"
        yield Fault(line=_line(kind), problem=problem, remedy=remedy)
    if scope == "table" and _attribute(body, "attributes", "on_failure") == "freeze_models":
        problem = "a check of a published table would freeze models"
        yield Fault(line=_line(kind), problem=problem, remedy="only checks of scope batch stop anything")
    has_query = kind.value == "metric" and _get(body, "query") is not None
    if _attribute(body, "attributes", "reference") and (scope == "batch" or not has_query):
        problem = f"a {kind.value} check of a {scope} would compare with a reference"
        remedy = "give a `metric` of scope table a `query` over both, which yields the share that agrees, 0 to 1"
        yield Fault(line=_line(kind), problem=problem, remedy=remedy)


def _unknown(node: Node, name: str, known: Collection[Any], what: str) -> Fault:
    close = get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.5)
    remedy = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(str(k) for k in known))}"
    return Fault(line=_line(node), problem=f"unknown {what} `{name}`", remedy=remedy)


def _get(node: Node | None, name: str) -> Any:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _list(node: Node | None, name: str) -> list[Any]:
    found = _get(node, name)
    return found.value if isinstance(found, SequenceNode) else []


def _attribute(node: Node | None, place: str, name: str) -> str | None:
    found = _get(_get(node, place), name)
    return found.value if isinstance(found, ScalarNode) else None


def _line(node: Node) -> int:
    return node.start_mark.line + 1


def _shown(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str | int | float | bool) else type(value).__name__.replace("None", "no")


def _article(wanted: Collection[str]) -> str:
    return " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in wanted if name != "null")
