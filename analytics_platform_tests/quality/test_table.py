"""Contracts on published tables: as of a time, over what readers see."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pyarrow.dataset import dataset
from pyarrow.parquet import write_table

from analytics_platform.product import Severity
from analytics_platform.quality.contract import read_contract
from analytics_platform.quality.table import verify_table
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CONTRACT = """
dataset: platform/main/orders
check_attributes: {scope: table}
columns: [{name: id, checks: [{missing: }, {duplicate: }]}]
checks:
  - freshness: {column: at, threshold: {unit: minute, must_be_less_than_or_equal: 10}}
"""
CHECKED = replace(ORDERS, contract=CONTRACT)


def failed(results):
    return {result.name for result in results if not result.passed}


def rows(ids):
    return pa.table({"id": pa.array(ids, pa.int64()), "at": pa.array([NOON] * len(ids), pa.timestamp("us", "UTC"))})


def test_a_table_is_verified_as_of_a_time():
    assert failed(verify_table(CHECKED, rows([1, 2]), 2, NOON)) == set()
    late = verify_table(CHECKED, rows([1, 1, None]), 3, NOON + timedelta(hours=1))
    assert failed(late) == {"columns_id_checks_missing", "columns_id_checks_duplicate", "checks_freshness"}


def test_files_are_read_as_readers_read_them(tmp_path):
    for number, ids in enumerate([[1, 2], [2]]):
        write_table(rows(ids), tmp_path / f"{number}.parquet")
    found = dataset([str(path) for path in sorted(tmp_path.iterdir())], format="parquet")
    results = verify_table(CHECKED, found, 3, NOON)
    assert failed(results) == {"columns_id_checks_duplicate"} and {r.values["rows"] for r in results} == {3.0}


def test_without_table_checks_nothing_is_said():
    assert verify_table(ORDERS, rows([1]), 1, NOON) == ()
    assert verify_table(REVENUE, rows([1]), 1, NOON) == ()


RECONCILED = """
dataset: platform/main/orders
checks:
  - metric:
      name: orders agree with the till
      qualifier: till
      query: >
        select count(*) filter (where orders.id is not distinct from till.id) / count(*)
        from orders full join till using (id)
      threshold: {level: warn, must_be_greater_than_or_equal: 0.9}
      attributes: {scope: table, reference: till}
"""


def test_a_table_is_compared_with_a_reference():
    reconciled = replace(ORDERS, contract=RECONCILED)
    (check,) = read_contract(RECONCILED, "orders").checks
    assert check.reference == "till"
    for ids, share in (([1, 2], 1.0), ([1, 2, 3, 4], 0.5)):
        (result,) = verify_table(reconciled, rows(ids), len(ids), NOON, {"till": rows([1, 2])})
        assert (result.values["value"], result.passed, result.severity) == (share, share == 1.0, Severity.WARN)
    (missing,) = verify_table(reconciled, rows([1]), 1, NOON)
    assert not missing.passed and "could not be evaluated" in missing.detail
