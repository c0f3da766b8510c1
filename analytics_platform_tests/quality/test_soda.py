"""Contracts built once answer as Soda's public call does, batch after batch."""

import logging
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.quality.batch import NO_TIME
from analytics_platform.quality.contract import Scope, read_contract
from analytics_platform.quality.soda import ReadyContract, ready
from analytics_platform.quality.verdict import Answer
from analytics_platform_tests.quality.batches import CONTRACT, batch

READY = ready(CONTRACT, "orders", Scope.BATCH)
AMOUNTS = st.one_of(st.none(), st.integers(-20, 200))
CITIES = st.sampled_from(["Bonn", "Kiel", "Ulm", "", "N/A", None, "Rom"])
REASONS = st.sampled_from([None, None, "rule amount_is_positive"])


def tables(rows):
    return {"orders": rows.filter(pc.is_null(rows["reason"])), "orders_read": rows}


def publicly(rows, text=CONTRACT):
    """What Soda's own public call says, contract read anew, on a connection of its own."""
    from soda_core.common.yaml import ContractYamlSource
    from soda_core.contracts.contract_verification import ContractVerificationSession
    from soda_duckdb import DuckDBDataSource

    sources: Any = [ContractYamlSource.from_str(text)]
    with duckdb.connect() as connection:
        for name, table in tables(rows).items():
            connection.register(name, table)
        found = ContractVerificationSession.execute(
            sources,
            data_source_impls=[DuckDBDataSource.from_existing_cursor(connection, "platform")],
        )
    return {r.check.relative_path: (r.outcome.name, r.threshold_value) for r in found.results[0].check_results}


@settings(max_examples=25)
@given(st.lists(st.tuples(AMOUNTS, CITIES, REASONS), min_size=1, max_size=30))
def test_a_contract_built_once_answers_as_the_public_call_does(rows):
    amounts, cities, reasons = map(list, zip(*rows, strict=True))
    judged = batch(amounts, cities, reasons)
    ours = READY.verify(tables(judged), NO_TIME)
    assert {path: (str(m.answer), m.value) for path, m in ours.items()} == publicly(judged)


def test_every_check_that_is_listed_is_answered_under_its_path():
    listed = {check.path for check in read_contract(CONTRACT, "orders").of(Scope.BATCH)}
    assert READY.verify(tables(batch([10, 20])), NO_TIME).keys() == listed


def test_a_check_that_stumbles_over_a_value_is_not_evaluated_and_nothing_is_quoted(caplog):
    text = """
dataset: platform/main/orders
columns:
  - name: city
    checks:
      - metric: {expression: max(city::integer), threshold: {must_be: 1}}
"""
    with caplog.at_level(logging.DEBUG):
        found = ReadyContract(text, "orders").verify(tables(batch([1], ["secret-4711"])), NO_TIME)
    assert [measured.answer for measured in found.values()] == [Answer.NOT_EVALUATED]
    assert "secret-4711" not in caplog.text


def test_contracts_of_batches_cannot_read_files(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("amount\n1\n")
    text = f"""
dataset: platform/main/orders
checks:
  - metric: {{query: "select count(*) from '{path}'", qualifier: other, threshold: {{must_be: 1}}}}
"""
    found = ready(text, "orders", Scope.BATCH).verify(tables(batch([1])), NO_TIME)
    assert [measured.answer for measured in found.values()] == [Answer.NOT_EVALUATED]


def test_a_contract_that_soda_refuses_says_where():
    text = "dataset: nowhere\ncolumns: [{name: amount, checks: [{missing: }]}]\n"
    with pytest.raises(DeclarationError, match="orders"):
        ReadyContract(text, "orders").verify(tables(batch([1])), NO_TIME)


def test_freshness_is_told_by_the_time_that_is_given():
    text = """
dataset: platform/main/orders
checks:
  - freshness:
      column: at
      threshold: {unit: minute, must_be_less_than_or_equal: 10}
      attributes: {scope: table}
"""
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    rows = pa.table({"at": pa.array([noon], pa.timestamp("us", "UTC"))})
    contract = ready(text, "orders", Scope.TABLE)
    answers = [contract.verify({"orders": rows}, noon.replace(minute=m))["checks.freshness"].answer for m in (5, 20)]
    assert answers == [Answer.PASSED, Answer.FAILED]


def test_importing_the_platforms_contracts_does_not_import_soda():
    import subprocess
    import sys

    code = (
        "import sys, analytics_platform.pipeline, analytics_platform.quality.batch; print('soda_core' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
