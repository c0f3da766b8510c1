from dataclasses import replace

import pytest

from analytics_platform_tests.proofs.access_cells import Cell, distinct_principals, problem_of, try_out


class RefusedError(Exception):
    pass


def refuse(text: str = "reader may not Write Topic bids"):
    raise RefusedError(text)


FORBIDDEN = Cell(
    system="kafka",
    principal="reader",
    operation="Write",
    resource="Topic bids",
    is_allowed=False,
    attempt=refuse,
    refusals=(RefusedError,),
)
ALLOWED = replace(FORBIDDEN, is_allowed=True, attempt=lambda: "done")


@pytest.mark.parametrize("cell", [FORBIDDEN, ALLOWED])
def test_a_cell_as_the_matrix_says_has_no_problem(cell):
    assert try_out(cell).problem is None


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (replace(FORBIDDEN, attempt=lambda: "done"), "is forbidden, and worked"),
        (replace(ALLOWED, attempt=refuse), "is allowed, and was refused"),
        (replace(FORBIDDEN, attempt=lambda: refuse("no")), "without naming reader, Write, Topic bids"),
        (replace(FORBIDDEN, attempt=lambda: 1 / 0), "neither worked nor was refused"),
    ],
)
def test_a_cell_that_is_otherwise_is_red(cell, problem):
    assert problem in (try_out(cell).problem or "")


def test_a_refusal_that_comes_late_is_red():
    assert "only after 6.0 s" in (problem_of(FORBIDDEN, RefusedError("reader Write Topic bids"), 6.0) or "")


def test_principals_that_may_do_the_same_are_alike():
    cells = [
        replace(ALLOWED, principal="a"),
        replace(ALLOWED, principal="b"),
        replace(ALLOWED, principal="c", operation="Read"),
        replace(FORBIDDEN, principal="d"),
    ]
    assert sorted(distinct_principals(cells).values()) == [["a", "b"], ["c"], ["d"]]
