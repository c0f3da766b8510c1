"""What a backfill would do, from batches, manifests, files and offsets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from analytics_platform.facts import Batch, BatchId, BatchState, OffsetRange, Pins
from analytics_platform.ledger.dry_run import Source, assets_of, estimate, hours_between, sourced, streams_of
from analytics_platform.product import Key, Model, Pipeline, Stream

HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOPIC = UUID(int=7)


def stream(name):
    return Stream(name=name, topic=name, pipeline="house", description="", owner="o")


def model(name, *inputs):
    return Model(
        name=name, pipeline="house", description="", owner="o", sql="", inputs=inputs, grain=Key(column="auction")
    )


HOUSE = Pipeline(
    name="house",
    streams=(stream("auctions"), stream("bids")),
    models=(model("winning", "bids", "auctions"), model("prices", "winning"), model("sellers", "auctions")),
)


def batch(number, landed=100, start=0):
    ranges = (OffsetRange(topic_id=TOPIC, partition=0, start=start, end=start + 100),)
    state = BatchState.PLANNED if landed is None else BatchState.PUBLISHED
    identity = BatchId(stream="bids", number=number)
    return Batch(id=identity, hour=HOUR, ranges=ranges, pins=Pins(reader_schema_id=1), state=state, landed_rows=landed)


def estimated(*batches, in_bronze=(), first=0, rate=None):
    found = sourced(batches, [], {"bids": set(in_bronze)}, {(TOPIC, 0): first})
    return estimate(HOUSE, "bids", [HOUR], found, rate)


def test_hours_are_whole_and_the_last_one_is_left_out():
    assert hours_between(HOUR, HOUR + timedelta(hours=2)) == [HOUR, HOUR + timedelta(hours=1)]
    assert hours_between(HOUR + timedelta(minutes=30), HOUR + timedelta(minutes=61)) == [
        HOUR,
        HOUR + timedelta(hours=1),
    ]
    assert hours_between(HOUR, HOUR) == []


def test_a_batch_that_bronze_holds_can_be_judged_again():
    found = estimated(batch(1), batch(2, start=100), in_bronze=[1, 2])
    assert found.is_possible and (found.batches, found.rows) == (2, 200)
    assert found.by_source[Source.BRONZE] == 2


def test_a_batch_that_was_never_landed_is_left_to_the_next_lease():
    found = estimated(batch(1, landed=None))
    assert found.is_possible and found.by_source[Source.NOT_LANDED] == 1


def test_lost_rows_are_named_with_their_offsets_and_where_they_still_are():
    found = estimated(batch(1), batch(2, start=100), first=100)
    assert not found.is_possible
    assert found.not_in_bronze == ("bids/1 0:[0,100): gone", "bids/2 0:[100,200): only in Kafka")


def test_a_batch_without_rows_needs_no_file():
    assert estimated(batch(1, landed=0)).is_possible


def test_minutes_are_not_known_before_the_first_order():
    assert estimated(batch(1), in_bronze=[1]).minutes is None
    assert estimated(batch(1, landed=120_000), in_bronze=[1], rate=1000.0).minutes == 2.0


def test_a_models_backfill_is_of_the_streams_it_is_computed_from():
    assert streams_of(HOUSE, "bids") == ("bids",)
    assert streams_of(HOUSE, "prices") == ("auctions", "bids")


def test_everything_downstream_is_touched():
    assert assets_of(HOUSE, "bids") == ("bids/silver", "bids/exceptions", "winning", "prices")
    assert assets_of(HOUSE, "winning") == ("winning", "prices")
    assert assets_of(replace(HOUSE, models=()), "bids") == ("bids/silver", "bids/exceptions")
