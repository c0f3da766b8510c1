"""Rows that came in a schema before it was published are judged again by themselves once it is."""

from dataclasses import replace

import pytest

from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.postgres.quarantine import tries
from analytics_platform.ledger.redrive import THE_REGISTRY
from analytics_platform.ledger.rework import OrderState
from analytics_platform.pipeline.follow import follow_schemas
from analytics_platform.pipeline.redrive import redrive_published
from analytics_platform.product import Encoding
from analytics_platform_tests.fakes import FakeKafka
from analytics_platform_tests.pipeline.house import HOUSE, SCHEMAS, auction, bid, opened
from analytics_platform_tests.pipeline.orders import lease, rows
from analytics_platform_tests.pipeline.test_follow import publish

CONFLUENT = replace(HOUSE, streams=tuple(replace(s, encoding=Encoding.CONFLUENT) for s in HOUSE.streams))
AUCTIONS, BIDS, NEXT = 1, 2, 3  # the ids that the registry gives, in this order

MOSTLY_READ = """
dataset: platform/main/bids
columns: []
checks:
  - metric:
      name: most rows can be read
      qualifier: refused
      query: select 100.0 * count(*) filter (reason is not null) / count(*) from bids_read
      threshold: {must_be_less_than: 50}
"""


def written(record, id_):
    return replace(record, value=b"\0" + id_.to_bytes(4, "big") + record.value)


@pytest.fixture
def kafka():
    made = FakeKafka()
    for name in ("bids", "auctions"):
        made.create(name, 2)
    made.append("auctions", 0, [written(auction(), AUCTIONS)])
    made.append("bids", 0, [written(bid("a"), BIDS), written(bid("b"), NEXT), written(bid("c"), BIDS)])
    return made


@pytest.fixture
def parts(ledger_dsn, tmp_path, kafka):
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CONFLUENT) as found:
        found = replace(found, schemas=dict(SCHEMAS))
        publish(found.ledger, "auctions", 1)
        publish(found.ledger, "bids", 1)
        yield found


def outcomes(parts):
    silver = {row["event_id"] for row in rows(parts, "bids/silver").to_pylist()}
    return silver, {row["offset"]: row["reason"] for row in rows(parts, "bids/exceptions").to_pylist()}


def test_they_wait_while_the_rest_flows_and_follow_once_their_schema_is_published(parts, kafka):
    lease(parts, "first")
    assert outcomes(parts) == ({"bid-a", "bid-c"}, {1: f"unknown schema {NEXT}"})

    publish(parts.ledger, "bids", 2, currency={"type": "string"})
    kafka.append("bids", 0, [written(bid("d"), NEXT)])
    lease(parts, "second")

    assert outcomes(parts) == ({"bid-a", "bid-b", "bid-c", "bid-d"}, {})
    [order] = rework.recent(parts.ledger, 9)
    assert (order.state, order.requested_by, order.batches) == (OrderState.DONE, THE_REGISTRY, 1)
    assert tries(parts.ledger, "bids", [1]) == {}  # people have all of theirs left
    assert rows(parts, "hot").to_pylist()[0]["bids"] == 4


def test_a_batch_that_was_held_for_their_sake_is_published(ledger_dsn, tmp_path, kafka):
    kafka.append("bids", 0, [written(bid(name), NEXT) for name in "def"])
    streams = [replace(s, contract=MOSTLY_READ if s.name == "bids" else "") for s in CONFLUENT.streams]
    strict = replace(CONFLUENT, streams=tuple(streams))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=strict) as found:
        parts = replace(found, schemas=dict(SCHEMAS))
        publish(parts.ledger, "auctions", 1)
        publish(parts.ledger, "bids", 1)
        lease(parts, "first")
        held = outcomes(parts)
        publish(parts.ledger, "bids", 2, currency={"type": "string"})
        lease(parts, "second")
        assert held[0] == set() and len(held[1]) == 6
        assert outcomes(parts) == ({f"bid-{name}" for name in "abcdef"}, {})


def test_without_a_lease_the_planner_gives_the_order_once(parts):
    lease(parts, "first")
    publish(parts.ledger, "bids", 2, currency={"type": "string"})
    follow_schemas(parts)
    given = redrive_published(parts)
    again = redrive_published(replace(parts, followed=replace(parts.followed, redriven=-1)))

    assert len(given) == 1 and again == []
    assert rework.is_open(parts.ledger, parts.pipeline.name)


def test_a_change_that_none_of_them_waited_for_orders_nothing(parts):
    lease(parts, "first")
    publish(parts.ledger, "auctions", 2, colour={"type": "string"})
    lease(parts, "second")
    assert rework.recent(parts.ledger, 9) == []
    assert outcomes(parts)[1] == {1: f"unknown schema {NEXT}"}
