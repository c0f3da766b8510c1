"""What Soda measured becomes a result that never passes by mistake."""

import math

import pytest

from analytics_platform.product import Severity
from analytics_platform.quality.contract import read_contract
from analytics_platform.quality.verdict import Answer, Measured, result_of, results_of
from analytics_platform_tests.quality.batches import CONTRACT

CHECK = read_contract(CONTRACT, "orders").checks[0]


@pytest.mark.parametrize(
    ("answer", "rows", "passed", "severity"),
    [
        (Answer.PASSED, 5, True, Severity.ERROR),
        (Answer.WARN, 5, False, Severity.WARN),
        (Answer.FAILED, 5, False, Severity.ERROR),
        (Answer.NOT_EVALUATED, 5, False, Severity.ERROR),
        (Answer.NOT_EVALUATED, 0, True, Severity.ERROR),  # no row could be wrong
        (Answer.FAILED, 0, False, Severity.ERROR),
    ],
)
def test_only_what_passed_has_passed(answer, rows, passed, severity):
    found = result_of(CHECK, Measured(path=CHECK.path, answer=answer), rows)
    assert (found.passed, found.severity) == (passed, severity)
    assert found.stops is (not passed and severity is Severity.ERROR)


def test_a_check_that_was_not_answered_has_failed():
    found = results_of((CHECK,), {}, rows=3)
    assert [result.stops for result in found] == [True]
    assert "could not be evaluated" in found[0].detail


def test_the_value_and_what_it_was_weighed_against_are_kept():
    found = result_of(CHECK, Measured(path=CHECK.path, answer=Answer.FAILED, value=2, figures={"percent": math.inf}), 3)
    assert found.values == {"value": 2.0, "rows": 3.0} and found.detail.endswith("must be = 0")
