"""Decisions from the UI give the same orders as `ap batch`."""

import dagster as dg
import pytest

from analytics_platform.definitions.asked import ASKED_TAG
from analytics_platform.definitions.decisions import Decided, decide_job, decision_in
from analytics_platform.facts import BatchId
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.rework import Kind
from analytics_platform_tests.cli.test_batch import ledger

__all__ = ["ledger"]
HELD = {"verb": "release", "batches": ["bids/2"], "by": "ada", "reason": "known spike"}


def test_the_job_gives_the_order_that_its_config_says(ledger, ledger_dsn, monkeypatch, tmp_path):
    monkeypatch.setenv("AP_LEDGER_DSN", ledger_dsn)
    monkeypatch.setenv("AP_STATE_DIR", str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        config = {"ops": {"give_order": {"config": HELD}}}
        assert decide_job.execute_in_process(run_config=config, instance=instance, tags={ASKED_TAG: "bea"}).success
    (order,) = rework.open_orders(ledger, "auction_house")
    assert (order.kind, order.requested_by, order.reason) == (Kind.RELEASE, "ada, says bea", "known spike")


def test_a_config_is_read_as_a_decision():
    found = decision_in(
        Decided(**{**HELD, "verb": "retract", "batches": ["bids/2", "bids/3"], "approved_by": "bea"}), "cyd"
    )
    assert (found.kind, found.by, found.speaks_for, found.approved_by) == (Kind.RETRACT, "cyd", "ada", "bea")
    assert found.batches == (BatchId(stream="bids", number=2), BatchId(stream="bids", number=3))


@pytest.mark.parametrize(("name", "value"), [("verb", "backfill"), ("verb", "relese"), ("batches", ["bids"])])
def test_what_makes_no_sense_fails_the_run_and_says_why(name, value):
    with pytest.raises(dg.Failure, match=r"no verb|names no batch"):
        decision_in(Decided(**{**HELD, name: value}), "cyd")
