"""A grain that lacks rows of a held batch is published with `complete` false, until somebody decides."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analytics_platform.ledger.rework import Kind
from analytics_platform.product import BatchCheck, BehindHeld, Catalog
from analytics_platform.published import read_table, sql
from analytics_platform.settings import read_settings
from analytics_platform_tests.pipeline.checked import CHECKED_ORDERS, CHECKED_SHOP
from analytics_platform_tests.pipeline.house import HOUSE, bid, finish, opened, random_house
from analytics_platform_tests.pipeline.ordered import discard, release, rework, states
from analytics_platform_tests.pipeline.orders import ORDERS, content, kafka_with, lease, order
from analytics_platform_tests.pipeline.orders import opened as opened_shop

CHEAP = BatchCheck(name="cheap", holds="max(price) < 900", description="no price is absurd")
CHECKED_HOUSE = replace(HOUSE, streams=tuple(replace(s, checks=(CHEAP,) * (s.name == "bids")) for s in HOUSE.streams))
GOOD, BAD = [order(1, amount=5), order(2, amount=6, minute=1)], [order(3, amount=7, minute=1), order(4, amount=-1)]
WORSE = [*BAD, order(5, amount=-1), order(6, amount=9, minute=1), order(7, amount=-1)]  # most break a rule


def settings(dsn, folder):
    return replace(read_settings(), ledger_dsn=dsn, table_dir=folder)


def told(dsn, folder, at=None):
    """By minute, whether its row is complete."""
    declared = Catalog(pipelines={"shop": CHECKED_SHOP})
    found = sql(settings(dsn, folder), declared, "select minute, complete from revenue order by minute", at)
    return {row["minute"].minute: row["complete"] for row in found.to_pylist()}


@pytest.mark.parametrize("decide", [release, discard])
def test_a_grain_is_incomplete_until_somebody_decides(ledger_dsn, tmp_path, decide):
    kafka = kafka_with([GOOD, []])
    with opened_shop(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        lease(parts)
        assert told(ledger_dsn, tmp_path) == {0: True, 1: True}
        before = content(parts)["revenue"]
        kafka.append(ORDERS.topic, 0, WORSE)
        lease(parts, "second")
        held_at = datetime.now(UTC)
        assert states(parts)[2] == "held" and content(parts)["revenue"] == before
        assert told(ledger_dsn, tmp_path) == {0: True, 1: False}
        kafka.append(ORDERS.topic, 1, [order(8, minute=1), order(9, minute=2)])
        lease(parts, "third")
        assert told(ledger_dsn, tmp_path) == {0: True, 1: False, 2: True}
        decide(parts, 2)
        assert told(ledger_dsn, tmp_path) == {0: True, 1: True, 2: True}
        assert told(ledger_dsn, tmp_path, held_at) == {0: True, 1: False}


def test_it_is_so_for_who_reads_tables_and_behind_a_stream_that_waits(ledger_dsn, tmp_path):
    patient = replace(CHECKED_SHOP, streams=(replace(CHECKED_ORDERS, behind_held=BehindHeld.WAIT),))
    kafka = kafka_with([GOOD, []])
    with opened_shop(ledger_dsn, tmp_path, kafka, pipeline=patient) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, WORSE)
        lease(parts, "second")
        revenue = read_table(settings(ledger_dsn, tmp_path), Catalog(pipelines={"shop": patient}), "revenue")
        assert revenue.filter("not complete").aggregate("count(*)").fetchall() == [(1,)]


@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_release_changes_was_not_called_complete(ledger_dsn, tmp_path, seed):
    kafka = random_house(seed, 120)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_HOUSE) as parts:
        lease(parts, "good")
        bids = [bid(f"held-{n}", auction=n % 20, at=n / 2, price=90 + n) for n in range(20)]
        kafka.append("bids", 0, [*bids, bid("bad", auction=10**6, at=1, price=999)])
        lease(parts, "bad")
        kafka.append("bids", 1, [bid("later", auction=21, at=25)])
        lease(parts, "behind it")
        finish(parts)
        before = rows_of_models(ledger_dsn, tmp_path)
        rework(parts, Kind.RELEASE, 2, stream="bids")
        after = rows_of_models(ledger_dsn, tmp_path)
    for name in CHECKED_HOUSE.model_names:
        assert all(after[name].values()), "whoever decides completes them"
        gone = {row for row in before[name] if row not in after[name]}
        assert gone and not any(before[name][row] for row in gone)
    assert any(before["hot"].values()) and any(before["wins"].values()), "most windows and keys lack nothing"


def rows_of_models(dsn, folder):
    """By model its rows without their mark, and whether each is said to be complete."""
    declared = Catalog(pipelines={"house": CHECKED_HOUSE})
    found = {}
    for name in CHECKED_HOUSE.model_names:
        rows = sql(settings(dsn, folder), declared, f"from {name}").to_pylist()
        found[name] = {tuple(v for k, v in row.items() if k != "complete"): row["complete"] for row in rows}
    return found
