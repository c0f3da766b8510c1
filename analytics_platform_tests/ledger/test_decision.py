"""A decision becomes an order, if whoever the stream asks for agrees."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import BatchId
from analytics_platform.ledger.decision import Decision, NotApprovedError, order_of
from analytics_platform.ledger.rework import Kind
from analytics_platform_tests.pipeline.orders import ORDERS

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FREE = catalog_of([ORDERS])
GUARDED = catalog_of([replace(ORDERS, approvers=("bea", "cyd"))])
BATCH = BatchId(stream="orders", number=7)
RELEASE = Decision(kind=Kind.RELEASE, batches=(BATCH,), by="ada", reason="known spike")


def test_without_a_policy_one_person_decides():
    order = order_of(RELEASE, FREE, NOW)
    assert (order.pipeline, order.kind, order.requested_by, order.batches) == ("shop", Kind.RELEASE, "ada", (BATCH,))


def test_an_approver_is_named_in_the_order():
    assert order_of(replace(RELEASE, approved_by="bea"), GUARDED, NOW).requested_by == "ada, approved by bea"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "takes an approver; one of bea, cyd"),
        ({"approved_by": "dan"}, "dan is no approver"),
        ({"by": "bea", "approved_by": "bea"}, "nobody approves what they decide"),
    ],
)
def test_what_nobody_else_agrees_to_is_refused(given, problem):
    with pytest.raises(NotApprovedError, match=problem):
        order_of(replace(RELEASE, **given), GUARDED, NOW)


@pytest.mark.parametrize("kind", [Kind.RERUN, Kind.REJUDGE, Kind.REDRIVE])
def test_judging_again_decides_nothing_and_needs_nobody(kind):
    assert order_of(replace(RELEASE, kind=kind), GUARDED, NOW).requested_by == "ada"


@pytest.mark.parametrize("batches", [(), (BatchId(stream="nothing", number=1),)])
def test_batches_that_nobody_declared_are_refused(batches):
    with pytest.raises(DeclarationError):
        order_of(replace(RELEASE, batches=batches), FREE, NOW)
