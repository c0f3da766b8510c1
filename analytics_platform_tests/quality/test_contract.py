"""Contracts are read without Soda: each check by its stable path."""

from dataclasses import replace

import pytest
import yaml

from analytics_platform.errors import DeclarationError
from analytics_platform.ledger import contract as pinned
from analytics_platform.product import OnFailure, Severity
from analytics_platform.quality.contract import Scope, read_contract, threshold_text
from analytics_platform_tests.pipeline.orders import ORDERS
from analytics_platform_tests.quality.batches import CONTRACT

HEAD = "dataset: platform/main/orders\n"


def test_the_name_of_a_check_survives_moving_it_about():
    document = yaml.safe_load(CONTRACT)
    document["columns"].reverse()
    for column in document["columns"]:
        column["checks"].reverse()
    moved = read_contract(yaml.safe_dump(document, sort_keys=False), "orders")
    assert {check.name for check in moved.checks} == {check.name for check in read_contract(CONTRACT, "orders").checks}


def test_a_check_says_whose_it_is_where_it_is_explained_and_what_it_wants():
    found = {check.path: check for check in read_contract(CONTRACT, "orders").checks}
    usual = found["columns.amount.checks.invalid.usual"]
    assert (usual.owner, usual.docs, usual.column) == ("team:shop", "docs/contracts.md", "amount")
    assert (usual.severity, usual.threshold) == (Severity.WARN, "percent < 10")
    assert found["columns.amount.checks.missing"].severity is Severity.ERROR


def test_the_checks_of_one_scope_make_a_contract_of_their_own():
    text = HEAD + (
        "columns: [{name: amount, checks: [{missing: }]}]\n"
        "checks: [{row_count: {attributes: {scope: table, on_failure: hold_batch}}}]\n"
    )
    contract = read_contract(text, "orders")
    batch = read_contract(contract.text_of(Scope.BATCH), "orders")
    table = read_contract(contract.text_of(Scope.TABLE), "orders")
    assert [c.path for c in batch.checks] == ["columns.amount.checks.missing"]
    assert [(c.path, c.on_failure) for c in table.checks] == [("checks.row_count", OnFailure.HOLD_BATCH)]


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        ({}, "= 0"),
        ({"must_be_greater_than": 3}, "> 3"),
        ({"metric": "percent", "must_be_less_than": 1}, "percent < 1"),
        ({"must_be_between": {"greater_than": 1, "less_than_or_equal": 2}}, "within > 1 and ≤ 2"),
        ({"must_be": 0, "additional": {"level": "warn", "must_be": 1}}, "= 0; warn unless = 1"),
    ],
)
def test_thresholds_are_told_as_people_write_them(threshold, text):
    assert threshold_text(threshold) == text


def test_two_checks_of_one_name_are_refused():
    with pytest.raises(DeclarationError, match="qualifier"):
        read_contract(HEAD + "checks: [{row_count: }, {row_count: }]\n", "orders")


@pytest.mark.parametrize("text", ["", "- a list", "a: [", HEAD + "columns: [3]\n", HEAD + "checks: [{a: 1, b: 2}]\n"])
def test_what_is_no_contract_is_refused_with_a_remedy(text):
    with pytest.raises(DeclarationError) as refused:
        read_contract(text, "contract of orders")
    assert "contract of orders" in str(refused.value)


def test_batches_are_pinned_to_the_text_of_the_contract():
    checked = replace(ORDERS, contract=CONTRACT)
    assert pinned.digest(checked) != pinned.digest(ORDERS)
    assert pinned.under(ORDERS, pinned.to_json(checked)) == checked
    assert pinned.under(checked, pinned.to_json(ORDERS)) == ORDERS
