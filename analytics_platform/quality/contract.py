"""Contracts as data: which checks a contract has, listed from its YAML without importing Soda. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.product import OnFailure, Severity
from analytics_platform.yaml_text import dump_yaml, read_yaml

DATASET = "platform/main"  # what stands before the name of the stream or model: Soda wants a source and a schema
BOUNDS = {
    "must_be": "=",
    "must_not_be": "≠",
    "must_be_greater_than": ">",
    "must_be_greater_than_or_equal": "≥",
    "must_be_less_than": "<",
    "must_be_less_than_or_equal": "≤",
}
RANGES = {"must_be_between": "within", "must_be_not_between": "outside"}
LIMITS = {
    "greater_than": ">",
    "greater_than_or_equal": "≥",
    "less_than": "<",
    "less_than_or_equal": "≤",
}
NOTHING_ALLOWED = "= 0"  # Soda's own threshold of missing, invalid, duplicate and failed_rows


class Scope(StrEnum):
    """When a check is verified: on each batch before it is written, or now and then on the published table."""

    BATCH = "batch"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a contract. `path` is Soda's own name of it, which survives moving it about in the file.

    `reference` is the published stream or model that it compares with, if any: its value is then an accuracy.
    """

    path: str
    kind: str
    column: str | None
    title: str
    severity: Severity
    scope: Scope
    on_failure: OnFailure
    threshold: str
    owner: str
    docs: str
    reference: str = ""

    @property
    def name(self) -> str:
        """The path as Dagster allows it."""
        return re.sub(r"\W", "_", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract that was read: of which stream or model, its checks, and the document behind them."""

    dataset: str
    checks: tuple[Check, ...]
    document: Mapping[str, Any]

    def of(self, scope: Scope) -> tuple[Check, ...]:
        """The checks of that scope."""
        return tuple(check for check in self.checks if check.scope is scope)

    def text_of(self, scope: Scope) -> str:
        """The contract with the checks of one scope only, for Soda."""
        wanted = {check.path for check in self.of(scope)}
        columns = [
            {**column, "checks": [c for c in column.get("checks") or [] if _path(c, column["name"]) in wanted]}
            for column in self.document.get("columns") or []
        ]
        shown = {
            **self.document,
            "columns": [column if column["checks"] else _without(column, "checks") for column in columns],
            "checks": [check for check in self.document.get("checks") or [] if _path(check, None) in wanted],
        }
        return dump_yaml({n: value for n, value in shown.items() if value or n == "columns"})


def read_contract(text: str, where: str) -> Contract:
    """The contract in that YAML; DeclarationError if it is none. Whether its keys are right, lint says."""
    document = _document(text, where)
    shared = document.get("check_attributes") or {}
    try:
        checks = tuple(_check(item, column, shared) for column, item in _items(document))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"is no contract: {type(error).__name__} {error}"
        raise DeclarationError(where, problem, "run `ap contract lint`, which names the line") from error
    _require_distinct(checks, where)
    return Contract(dataset=str(document.get("dataset", "")), checks=checks, document=document)


def _document(text: str, where: str) -> dict[str, Any]:
    found = read_yaml(text, where).value
    if not isinstance(found, dict):
        raise DeclarationError(where, "is no contract", f"begin with `dataset: {DATASET}/<name>`")
    return found


def _items(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Each check with its column."""
    for column in document.get("columns") or []:
        yield from ((column["name"], item) for item in column.get("checks") or [])
    yield from ((None, item) for item in document.get("checks") or [])


def _check(item: Mapping[str, Any], column: str | None, shared: Mapping[str, Any]) -> Check:
    ((kind, body),) = item.items()
    body = body or {}
    about = {**shared, **(body.get("attributes") or {})}
    threshold = body.get("threshold") or {}
    return Check(
        path=_path(item, column),
        kind=kind,
        column=column or body.get("column"),
        title=str(body.get("name") or f"{kind} {column or ''}".strip()),
        severity=Severity.WARN if threshold.get("level") == "warn" else Severity.ERROR,
        scope=Scope(about.get("scope", Scope.BATCH)),
        on_failure=OnFailure(about.get("on_failure", OnFailure.HOLD_BATCH)),
        threshold=threshold_text(threshold),
        owner=str(about.get("owner", "")),
        docs=str(about.get("docs", "")),
        reference=str(about.get("reference", "")),
    )


def _path(item: Mapping[str, Any], column: str | None) -> str:
    """What Soda calls a check's relative path."""
    ((kind, body),) = item.items()
    qualifier = (body or {}).get("qualifier")
    parts = ("columns" if column else None, column, "checks", kind, None if qualifier is None else str(qualifier))
    return ".".join(part for part in parts if part)


def threshold_text(threshold: Mapping[str, Any]) -> str:
    """A threshold as people write it: `percent < 1, else warn ≥ 0.1`."""
    said = [f"{sign} {threshold[name]}" for name, sign in BOUNDS.items() if name in threshold]
    for name, word in RANGES.items():
        if name in threshold:
            bounds = [f"{LIMITS[bound]} {value}" for bound, value in threshold[name].items()]
            said.append(f"{word} {' and '.join(bounds)}")
    text = " and ".join(said) or NOTHING_ALLOWED
    unit = threshold.get("metric") or threshold.get("unit")
    text = f"{unit} {text}" if unit else text
    more = threshold.get("additional")
    return f"{text}; {more.get('level', 'fail')} unless {threshold_text(_without(more, 'level'))}" if more else text


def _without(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def _require_distinct(checks: tuple[Check, ...], where: str) -> None:
    names = [check.name for check in checks]
    for check in checks:
        if names.count(check.name) > 1:
            problem = f"has two checks of the name {check.path}"
            raise DeclarationError(where, problem, "give each a `qualifier` of its own")
