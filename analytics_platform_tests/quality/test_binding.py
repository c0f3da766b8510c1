"""SQL in a contract is planned before it judges anything."""

import pyarrow as pa
import pytest

from analytics_platform.quality.binding import sql_faults

COLUMNS = pa.schema([pa.field("amount", pa.int64()), pa.field("city", pa.string())])
HEAD = "dataset: platform/main/orders\nchecks:\n"


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        ("metric: {expression: max(amuont), threshold: {must_be: 1}}", "amuont"),
        ("failed_rows: {expression: amount > }", "Parser Error"),
        ("metric: {query: select count(*) from ordres, threshold: {must_be: 1}}", "ordres"),
        ("row_count: {filter: town = 'Bonn'}", "town"),
        ("metric: {expression: lenght(city), threshold: {must_be: 1}}", "lenght"),
    ],
)
def test_sql_that_cannot_run_is_named_with_its_line(check, problem):
    (fault,) = sql_faults(f"{HEAD}  - {check}\n", "orders", COLUMNS)
    assert fault.line == 3 and problem in fault.problem


def test_sql_over_the_table_and_what_was_read_is_planned():
    text = HEAD + (
        "  - metric: {expression: max(amount), threshold: {must_be: 1}}\n"
        "  - metric: {query: select count(reason) from orders_read, qualifier: q, threshold: {must_be: 1}}\n"
    )
    assert sql_faults(text, "orders", COLUMNS) == []


def test_a_reference_is_planned_over_its_own_columns():
    check = "  - metric: {query: select count(*) from orders join till using (city), threshold: {must_be: 1}}\n"
    till = {"till": pa.schema([pa.field("city", pa.string())])}
    assert sql_faults(HEAD + check, "orders", COLUMNS, till) == []
    assert len(sql_faults(HEAD + check, "orders", COLUMNS)) == 1
