"""From what Soda measured to what a check says of a batch or table. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from analytics_platform.facts import CheckResult
from analytics_platform.product import Severity
from analytics_platform.quality.contract import Check


class Answer(StrEnum):
    """What Soda says of a check; whatever else it may say is taken for NOT_EVALUATED."""

    PASSED = "PASSED"
    WARN = "WARN"
    FAILED = "FAILED"
    NOT_EVALUATED = "NOT_EVALUATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What Soda measured for the check of that path."""

    path: str
    answer: Answer
    value: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


NOTHING_SAID = Measured(path="", answer=Answer.NOT_EVALUATED)


def results_of(checks: tuple[Check, ...], measured: Mapping[str, Measured], rows: int) -> tuple[CheckResult, ...]:
    """One result for each check, whatever Soda left out; `rows` are those that were there to be tested."""
    return tuple(result_of(check, measured.get(check.path, NOTHING_SAID), rows) for check in checks)


def result_of(check: Check, measured: Measured, rows: int) -> CheckResult:
    """A check that could not be evaluated has failed as declared, unless there was no row that could be wrong."""
    is_vacuous = measured.answer is Answer.NOT_EVALUATED and rows == 0
    passed = measured.answer is Answer.PASSED or is_vacuous
    return CheckResult(
        name=check.name,
        passed=passed,
        severity=Severity.WARN if measured.answer is Answer.WARN else check.severity,
        detail=_detail(check, measured, rows),
        values={**_value(measured.value), "rows": float(rows), **_finite(measured.figures)},
        column=check.column,
        on_failure=check.on_failure,
    )


def _detail(check: Check, measured: Measured, rows: int) -> str:
    about = f"{check.title}: must be {check.threshold}"
    if measured.answer is not Answer.NOT_EVALUATED:
        return about
    return f"{about}; no row to test" if rows == 0 else f"{about}; could not be evaluated over these rows"


def _value(value: float | None) -> dict[str, float]:
    return {} if value is None or not math.isfinite(value) else {"value": float(value)}


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}
