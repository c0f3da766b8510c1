"""Contracts on batches: each batch on its own, rows that pass their rules apart from all that were read."""

from analytics_platform.quality.batch import rehearse, verify_batches
from analytics_platform_tests.pipeline.orders import ORDERS
from analytics_platform_tests.quality.batches import CHECKED, batch

REFUSED = "rule amount_is_positive"


def failed(results):
    return {result.name for result in results if not result.passed}


def test_each_batch_is_judged_on_its_own():
    found = verify_batches(CHECKED, {1: batch([10, 20]), 2: batch([10, None]), 3: batch([10, 20], ["Bonn", "Rom"])})
    assert [failed(found[number]) for number in (1, 2, 3)] == [
        set(),
        {"columns_amount_checks_missing"},
        {"columns_city_checks_invalid"},
    ]


def test_rows_that_rules_refuse_are_no_concern_of_column_checks_but_of_what_was_read():
    found = verify_batches(CHECKED, {1: batch([10, -1, -1, -1], reasons=[None, REFUSED, REFUSED, REFUSED])})
    assert failed(found[1]) == {"checks_metric_refused"}
    rows = {result.values["rows"] for result in found[1]}
    assert rows == {1.0}


def test_a_batch_of_which_nothing_passes_fails_only_what_can_be_said_of_it():
    found = verify_batches(CHECKED, {1: batch([-1], reasons=[REFUSED])})
    assert failed(found[1]) == {"checks_metric_refused", "checks_row_count"}


def test_a_batch_without_rows_and_a_stream_without_a_contract_have_nothing_to_fail():
    assert verify_batches(CHECKED, {1: batch([])}) == {}
    assert verify_batches(ORDERS, {1: batch([1])}) == {}


def test_a_rehearsal_changes_no_verdict_and_needs_no_contract():
    columns = batch([10]).drop_columns(["reason"]).schema
    rehearse(ORDERS, columns)
    rehearse(CHECKED, columns)
    assert failed(verify_batches(CHECKED, {1: batch([10, None])})[1]) == {"columns_amount_checks_missing"}


def test_the_same_rows_get_the_same_verdict_whenever_they_are_judged():
    rows = batch([1, 2, 3, 70])
    assert verify_batches(CHECKED, {1: rows}) == verify_batches(CHECKED, {1: rows})
