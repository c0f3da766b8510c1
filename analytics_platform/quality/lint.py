"""What is wrong with a contract's text, line by line: Soda lets an unknown or misspelt key pass. Pure.

The rules that a JSON schema can say are in contract.schema.json.
"""

import json
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from analytics_platform.yaml_schema import check_text, entries, entry, unknown
from analytics_platform.yaml_text import Fault, line_of

SCHEMA_FILE = Path(__file__).with_name("contract.schema.json")


def faults_of(text: str, columns: Collection[str] = ()) -> list[Fault]:
    """What is wrong with the contract's text, in order of lines; `columns` are those of its table, if known."""
    checked = check_text(text, _schema())
    if checked.faults:  # what is misspelt has no meaning that could be checked
        return list(checked.faults)
    if checked.node is None:
        return [Fault(line=1, problem="is empty", remedy="begin with `dataset: platform/main/<name>`")]
    return sorted({*_of_columns(checked.node, columns), *_of_checks(checked.node)})


@cache
def _schema() -> dict[str, Any]:
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def _of_columns(node: Node, columns: Collection[str]) -> Iterator[Fault]:
    """Columns that the table does not have: Soda would fail every check of the query that they are in."""
    if not columns:
        return
    for column in entries(node, "columns"):
        name = entry(column, "name")
        if name is not None and name.value not in columns:
            yield unknown(name, name.value, columns, "column")
    for check in entries(node, "checks"):
        for _, body in check.value:
            named = [entry(body, "column"), *entries(body, "columns")] if isinstance(body, MappingNode) else []
            yield from (unknown(n, n.value, columns, "column") for n in named if n and n.value not in columns)


def _of_checks(node: Node) -> Iterator[Fault]:
    """What no check of its kind can do."""
    shared = _attribute(node, "check_attributes", "scope")
    if _attribute(node, "check_attributes", "reference"):
        problem = "all checks would compare with a reference"
        yield Fault(line=line_of(node), problem=problem, remedy="write it into the `attributes` of the one that does")
    checks = [*entries(node, "checks")]
    for column in entries(node, "columns"):
        checks += entries(column, "checks")
    for check in checks:
        ((kind, body),) = check.value
        yield from _of_scope(kind, body, _attribute(body, "attributes", "scope") or shared or "batch")
        if kind.value in ("metric", "failed_rows"):
            given = [name for name in ("expression", "query") if entry(body, name) is not None]
            if len(given) != 1:
                problem = f"{kind.value} has {' and '.join(given) or 'nothing to compute'}"
                yield Fault(line=line_of(kind), problem=problem, remedy="give it either `expression` or `query`")


def _of_scope(kind: ScalarNode, body: Node, scope: str) -> Iterator[Fault]:
    """What a check cannot say of a batch, or cannot do about a table."""
    if scope == "batch" and kind.value in ("freshness", "schema"):
        problem = f"a {kind.value} check of a batch"
        remedy = "set `attributes: {scope: table}`; batches have the stream's own freshness, and its schema"
        yield Fault(line=line_of(kind), problem=problem, remedy=remedy)
    if scope == "table" and _attribute(body, "attributes", "on_failure") == "freeze_models":
        problem = "a check of a published table would freeze models"
        yield Fault(line=line_of(kind), problem=problem, remedy="only checks of scope batch stop anything")
    has_query = kind.value == "metric" and entry(body, "query") is not None
    if _attribute(body, "attributes", "reference") and (scope == "batch" or not has_query):
        problem = f"a {kind.value} check of a {scope} would compare with a reference"
        remedy = "give a `metric` of scope table a `query` over both, which yields the share that agrees, 0 to 1"
        yield Fault(line=line_of(kind), problem=problem, remedy=remedy)


def _attribute(node: Node | None, place: str, name: str) -> str | None:
    found = entry(entry(node, place), name)
    return found.value if isinstance(found, ScalarNode) else None
