"""A misspelt contract is refused with the line and a suggestion; Soda would let it pass."""

import pytest

from analytics_platform.products import catalog
from analytics_platform.quality.batch import NO_TIME
from analytics_platform.quality.contract import Scope, read_contract
from analytics_platform.quality.files import contract_file, with_contracts
from analytics_platform.quality.lint import faults_of
from analytics_platform.quality.soda import ready
from analytics_platform.settings import ROOT
from analytics_platform_tests.quality.batches import CONTRACT

COLUMNS = ("amount", "city")
SCHEMAS = ROOT / "schemas"


def test_a_right_contract_has_no_fault():
    assert faults_of(CONTRACT, COLUMNS) == []


@pytest.mark.parametrize(
    ("right", "wrong", "suggestion"),
    [
        ("threshold:", "treshold:", "did you mean `threshold`?"),
        ("must_be_less_than", "must_be_lessthan", "did you mean `must_be_less_than`?"),
        ("level: warn", "level: warning", "did you mean `warn`?"),
        ("missing:", "mising:", "did you mean `missing`?"),
        ("valid_values", "valid_value", "did you mean `valid_values`?"),
        ("checks:", "cheks:", "did you mean `checks`?"),
        ("qualifier: free", "qualifer: free", "did you mean `qualifier`?"),
        ("valid_min: 0", "valid_min: zero", "write a number"),
        ("name: city", "name: cty", "did you mean `city`?"),
        ("function: avg", "function: average", "did you mean `avg`?"),
        ("expression: amount = 0", "expression: amount = 0, query: select 1", "either `expression` or `query`"),
        ('owner: "team:shop"', 'owner: "shop"', "write ^(team:"),
        ("docs/contracts.md}", "docs/contracts.md, scope: tabel}", "did you mean `table`?"),
        ("dataset: platform/main/orders", "dataset: orders", "write ^platform/main/"),
    ],
)
def test_what_is_misspelt_is_named_with_its_line_and_a_suggestion(right, wrong, suggestion):
    assert right in CONTRACT
    text = CONTRACT.replace(right, wrong, 1)
    line = next(n for n, (a, b) in enumerate(zip(CONTRACT.splitlines(), text.splitlines(), strict=True), 1) if a != b)
    faults = faults_of(text, COLUMNS)
    assert any(fault.line == line and suggestion in str(fault) for fault in faults), faults


@pytest.mark.parametrize("kind", ["freshness: {column: amount, threshold: {must_be_less_than: 1}}", "schema:"])
def test_what_only_a_table_can_be_asked_is_refused_for_batches(kind):
    text = f"dataset: platform/main/orders\nchecks:\n  - {kind}\n"
    assert [fault.line for fault in faults_of(text, COLUMNS)] == [3]
    assert faults_of(f"{text}check_attributes: {{scope: table}}\n", COLUMNS) == []


def test_only_a_check_of_batches_freezes_models():
    check = "row_count: {{attributes: {{scope: {}, on_failure: freeze_models}}}}"
    text = f"dataset: platform/main/orders\nchecks:\n  - {check}\n"
    assert faults_of(text.format("batch")) == []
    assert "would freeze models" in str(faults_of(text.format("table")))


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "3", "dataset: {}", "checks: 3", "columns: [{checks: [3]}]"])
def test_no_text_is_too_wrong_to_be_judged(text):
    assert faults_of(text)


def test_a_key_that_stands_twice_is_named():
    assert "twice" in str(faults_of("dataset: platform/main/a\ndataset: platform/main/b\n")[0])


def test_the_shipped_contracts_are_right_and_each_stream_and_model_has_one():
    declared = with_contracts(catalog(), SCHEMAS)
    for product in [*declared.streams.values(), *declared.models.values()]:
        assert product.contract, f"{product.name} has no {contract_file(product, SCHEMAS).name}"
        assert faults_of(product.contract) == []
        assert read_contract(product.contract, product.name).dataset == f"platform/main/{product.name}"


@pytest.mark.parametrize("scope", Scope)
def test_soda_accepts_the_shipped_contracts_and_knows_each_check_by_the_path_that_we_list(scope):
    declared = with_contracts(catalog(), SCHEMAS)
    for product in [*declared.streams.values(), *declared.models.values()]:
        listed = {check.path for check in read_contract(product.contract, product.name).of(scope)}
        assert ready(product.contract, product.name, scope).verify({}, NO_TIME).keys() == listed


@pytest.mark.parametrize(
    ("check", "is_right"),
    [
        ("metric: {query: select 1, threshold: {must_be: 1}, attributes: {scope: table, reference: till}}", True),
        ("metric: {query: select 1, threshold: {must_be: 1}, attributes: {reference: till}}", False),
        (
            "metric: {expression: max(amount), threshold: {must_be: 1}, attributes: {scope: table, reference: till}}",
            False,
        ),
        ("failed_rows: {query: select 1, attributes: {scope: table, reference: till}}", False),
    ],
)
def test_only_a_query_over_a_published_table_compares_with_a_reference(check, is_right):
    faults = faults_of(f"dataset: platform/main/orders\nchecks:\n  - {check}\n")
    assert not faults if is_right else "would compare with a reference" in str(faults)
    assert "all checks would" in str(faults_of("dataset: platform/main/orders\ncheck_attributes: {reference: till}\n"))
