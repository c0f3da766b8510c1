"""A check that freezes: silver goes on, who reads the broken column keeps what it has, and all of it can be undone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Failpoint
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.shapes import hashed
from analytics_platform.ledger.postgres import dirty, failing, publication
from analytics_platform.ledger.postgres.frozen import frozen_now, thawed_since
from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.ledger.rework import Kind, OrderRefusedError, OrderState
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.freeze import FrozenModelError
from analytics_platform.pipeline.models import is_due
from analytics_platform.pipeline.recover import rebuild_ledger, survey
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.pipeline.house import Clock
from analytics_platform_tests.pipeline.ordered import give, is_worked_off, progress_of, release, rework, states
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    REVENUE,
    KilledError,
    finish,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    rows,
)

CONTRACT = """
dataset: platform/main/orders
columns:
  - name: amount
    checks:
      - invalid: {name: amounts are below 900, valid_max: 899, attributes: {on_failure: freeze_models}}
  - name: city
    checks:
      - invalid: {name: cities are known, valid_values: [Graz, Linz]}
checks: []
"""
COUNTS = replace(REVENUE, name="counts", sql="select minute, count(*) as orders from orders group by minute")
PEAKS = replace(
    REVENUE,
    name="peaks",
    sql="select hour, max(revenue) as peak from revenue group by hour",
    inputs=("revenue",),
    grain=replace(REVENUE.grain, column="hour"),
    touches={"revenue": "minute"},
)
GOOD, BAD = [order(1, amount=5), order(2, amount=6)], [order(3, amount=999), order(4, amount=7, minute=1)]


def pipeline(contract=CONTRACT):
    return catalog_of([replace(ORDERS, contract=contract), REVENUE, COUNTS, PEAKS]).pipelines["shop"]


def shop(dsn, folder, kafka, reached=lambda _: None, contract=CONTRACT):
    return opened(dsn, folder, kafka, reached, pipeline=pipeline(contract))


def broken(parts, kafka):
    """A good batch and then one that freezes."""
    lease(parts, "good")
    kafka.append(ORDERS.topic, 0, BAD)
    return lease(parts, "bad")


def public(parts):
    """By model, the version that readers see."""
    versions = publication.published_versions(parts.ledger, "shop")
    return {name: versions[name] for name in parts.pipeline.model_names}


def sums(parts):
    return {row["minute"].minute: row["revenue"] for row in rows(parts, "revenue").to_pylist()}


def everything(parts):
    return {name: fingerprint(hashed(rows(parts, name))) for name in parts.tables.by_name}


def test_silver_is_published_and_only_who_reads_the_column_keeps_its_version(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        before = public(parts)
        report = broken(parts, kafka)
        assert states(parts) == {1: "published", 2: "published"} and rows(parts, "orders/silver").num_rows == 4
        after = public(parts)
        assert {name for name in after if after[name] == before[name]} == {"revenue", "peaks"}
        assert {row["minute"].minute: row["orders"] for row in rows(parts, "counts").to_pylist()} == {0: 3, 1: 1}
        assert sums(parts) == {0: 11} and "revenue" not in report.models
        frozen = [(f.model, f.asset, f.column) for f in frozen_now(parts.ledger)]
    assert frozen == [("peaks", "orders/silver", "amount"), ("revenue", "orders/silver", "amount")]


def test_what_a_frozen_model_must_recompute_stays_marked_and_starts_no_cycle(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        broken(parts, kafka)
        kafka.append(ORDERS.topic, 0, [order(5, amount=8, minute=2)])
        lease(parts, "good again")  # passes the check, and thaws nothing: the bad rows are still there
        assert len(dirty.marks(parts.ledger, "revenue")) == 3 and sums(parts) == {0: 11}
        assert not is_due(parts) and not dirty.is_any(parts.ledger, parts.pipeline.model_names)
        assert lease(parts, "idle").cycles == 0


def test_retracting_thaws_and_leaves_what_never_knew_the_batch(ledger_dsn, tmp_path):
    kafka, later = kafka_with([GOOD, []]), [order(5, amount=8, minute=2)]
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        broken(parts, kafka)
        kafka.append(ORDERS.topic, 0, later)
        lease(parts, "later")
        rework(parts, Kind.RETRACT, 2)
        assert frozen_now(parts.ledger) == [] and is_worked_off(parts)
        assert sums(parts) == {0: 11, 2: 8} and not dirty.marks(parts.ledger, "revenue")
        assert thawed_since(parts.ledger, "shop", range(100)) is not None
        finish(parts)
        assert rows(parts, "peaks").to_pylist()[0]["peak"] == 11


def test_released_after_frozen_is_never_frozen(postgres, tmp_path):
    found = []
    for contract in (CONTRACT, ""):
        kafka = kafka_with([GOOD, []])
        folder = tmp_path / f"tables-{bool(contract)}"
        with fresh_ledger(postgres) as dsn, shop(dsn, folder, kafka, contract=contract) as parts:
            broken(parts, kafka)
            if contract:
                with pytest.raises(OrderRefusedError, match="nothing holds it back"):
                    give(parts, Kind.RELEASE, 1)
                release(parts, 2)
            assert sums(parts) == {0: 1010, 1: 7} and frozen_now(parts.ledger) == [] and is_worked_off(parts)
            assert failing.freezing(parts.ledger, ["orders"]) == []
            finish(parts)
            found.append(everything(parts))
    assert found[0] == found[1]


def test_a_mended_contract_thaws_by_rerun_and_a_rejudgement_by_the_old_one_does_not(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        broken(parts, kafka)
    with shop(ledger_dsn, tmp_path, kafka, contract=CONTRACT.replace("899", "5000")) as parts:
        rework(parts, Kind.REJUDGE, 2)
        assert len(frozen_now(parts.ledger)) == 2
        rework(parts, Kind.RERUN, 2)
        assert frozen_now(parts.ledger) == [] and sums(parts) == {0: 1010, 1: 7}


def test_of_two_broken_batches_both_must_be_decided(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        broken(parts, kafka)
        kafka.append(ORDERS.topic, 0, [order(6, amount=950)])
        lease(parts, "worse")
        rework(parts, Kind.RETRACT, 2)
        assert len(frozen_now(parts.ledger)) == 2 and sums(parts) == {0: 11}
        rework(parts, Kind.RETRACT, 3)
        assert frozen_now(parts.ledger) == [] and sums(parts) == {0: 11}


def test_a_batch_that_is_held_freezes_nothing_until_it_is_released_with_its_checks(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(3, amount=999, city="Atlantis")])
        lease(parts, "held")
        assert states(parts)[2] == "held" and frozen_now(parts.ledger) == []
        release(parts, 2)
        assert frozen_now(parts.ledger) == [] and sums(parts) == {0: 1010}


def test_an_order_for_a_frozen_model_says_what_to_do(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        broken(parts, kafka)
        done = rework(parts, Kind.BACKFILL, assets=("revenue",))
        assert done.state is OrderState.FAILED and done.error == str(
            FrozenModelError("revenue", [("orders/silver", "amount")])
        )
        everything_else = give(parts, Kind.BACKFILL)
        lease(parts, "all")
        assert progress_of(parts, everything_else).state is OrderState.DONE and sums(parts) == {0: 11}


@pytest.mark.parametrize("point", [Failpoint.AFTER_DIRTY, Failpoint.AFTER_COMMIT, Failpoint.AFTER_PUBLISH])
def test_a_worker_that_dies_over_a_broken_batch_leaves_the_models_frozen(ledger_dsn, tmp_path, point):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
    kafka.append(ORDERS.topic, 0, BAD)
    with pytest.raises(KilledError), shop(ledger_dsn, tmp_path, kafka, kill_at(point, 1)) as parts:
        lease(parts, "killed")
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "next")
        assert {f.model for f in frozen_now(parts.ledger)} == {"revenue", "peaks"} and sums(parts) == {0: 11}
        assert states(parts) == {1: "published", 2: "published"}


def test_a_rebuilt_ledger_knows_what_is_frozen(ledger_dsn, tmp_path):
    kafka = kafka_with([GOOD, []])
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        broken(parts, kafka)
        before = failing.all_failing(parts.ledger)
        parts.ledger.execute("drop schema public cascade; create schema public")
    with shop(ledger_dsn, tmp_path, kafka) as parts:
        rebuild_ledger(survey(parts), parts)
        assert failing.all_failing(parts.ledger) == before
        lease(parts, "after")
        assert {f.model for f in frozen_now(parts.ledger)} == {"revenue", "peaks"} and sums(parts) == {0: 11}
        rework(parts, Kind.RETRACT, 2)
        assert sums(parts) == {0: 11} and frozen_now(parts.ledger) == []


def test_retention_takes_nothing_that_a_frozen_model_will_read(ledger_dsn, tmp_path):
    kafka, clock = kafka_with([GOOD, []]), Clock(datetime.now(UTC))
    with shop(ledger_dsn, tmp_path, kafka) as opened_parts:
        limits = replace(opened_parts.limits, retention=timedelta(days=1))
        parts = replace(opened_parts, now=clock, limits=limits)
        broken(parts, kafka)
        for expected in (4, 0):
            clock.at += timedelta(days=3)
            kafka.append(ORDERS.topic, 0, [None])
            lease(parts, f"after {clock.at}")
            with taken(parts.ledger, "shop", "upkeep", clock.at) as held:
                upkeep.clean(parts, held)
            assert rows(parts, "orders/silver").num_rows == expected
            rework(parts, Kind.RELEASE, 2) if expected else None
