"""Mutants are the good rows but for one column, and what no check notices is listed."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.quality.mutation import Fault, mutants
from analytics_platform.quality.unnoticed import mutation_report
from analytics_platform_tests.quality.batches import CHECKED

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROWS = st.lists(st.tuples(st.integers(1, 10**6), st.text("abc", min_size=1), st.integers(0, 10**6)), min_size=2)


@settings(max_examples=50)
@given(ROWS)
def test_a_mutant_differs_from_the_good_rows_in_its_column_only(rows):
    numbers, names, times = map(list, zip(*rows, strict=True))
    good = pa.table({"n": pa.array(numbers), "s": pa.array(names), "at": pa.array(times, pa.timestamp("us", "UTC"))})
    for mutant in mutants(good, good.column_names):
        changed = [name for name in good.column_names if not mutant.rows[name].equals(good[name])]
        assert changed == [mutant.column] and mutant.rows.schema == good.schema


def test_each_kind_of_fault_is_made():
    good = pa.table({"n": pa.array(range(1, 101)), "at": pa.array([NOON] * 99 + [NOON.replace(hour=1)])})
    found = {(m.column, m.fault): m.rows[m.column] for m in mutants(good, good.column_names)}
    assert found["n", Fault.NULL].null_count == 10
    assert pc.sum(pc.equal(found["n", Fault.DUPLICATE], 1)).as_py() == 10
    assert found["n", Fault.UNIT].to_pylist()[99] == 1 and pc.max(found["n", Fault.SHIFT]).as_py() < 1
    assert found["at", Fault.SHIFT].to_pylist()[0].month == 12 and found["at", Fault.UNIT].to_pylist()[0].year == 1970


def test_what_no_check_notices_is_listed_and_so_is_who_notices_the_rest():
    amounts, cities = [n % 30 + 10 for n in range(100)], ["Bonn", "Kiel"] * 50
    rows = pa.table({"amount": pa.array(amounts), "city": pa.array(cities), "note": pa.array(["a", "b"] * 50)})
    report = mutation_report(CHECKED, rows, ["amount", "city", "note"], NOON)
    assert report.failing_already == ()
    assert {missed for missed in report.missed if missed.startswith("note")} == {"note: null"}  # none else differs
    assert "columns.amount.checks.missing" in report.noticed_by["amount: null"]
    assert "columns.amount.checks.aggregate" in report.noticed_by["amount: unit"]
    assert report.mutants == report.noticed + len(report.missed)


def test_a_check_that_fails_on_good_rows_is_named_and_notices_nothing():
    rows = pa.table({"amount": pa.array([500] * 20), "city": pa.array(["Bonn"] * 20)})
    report = mutation_report(CHECKED, rows, ["amount"], NOON)
    assert "columns.amount.checks.invalid" in report.failing_already
    assert all("columns.amount.checks.invalid" not in names for names in report.noticed_by.values())
