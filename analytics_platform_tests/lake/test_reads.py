"""What a model reads counts in every clause; and a broken column reaches who reads it, and nobody else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.lake.reads import reached, reads_of
from analytics_platform.product import Key, Life, Pipeline, Stream, Window
from analytics_platform_tests.lake.test_lineage import INPUTS, MODEL

PRICE, BIDDER, AUCTION, CHANNEL = (("bids", name) for name in ("price", "bidder", "auction", "channel"))
ID, SELLER = ("auctions", "id"), ("auctions", "seller")
TIMES = {("bids", "event_at"), ("auctions", "event_at")}
DECIDING = {
    "a filter": ("select bidder as b from bids where price > 3", {PRICE}),
    "a having": ("select count(*) as n from bids group by bidder having max(price) > 3", {BIDDER, PRICE}),
    "a having by an alias": ("select bidder, sum(price) as p from bids group by 1 having p > 3", {BIDDER, PRICE}),
    "groups": ("select price, count(*) as n from bids group by all", {PRICE}),
    "a distinct": ("select distinct channel from bids", {CHANNEL}),
    "a distinct union": ("select price as x from bids union select seller from auctions", {PRICE, SELLER}),
    "a join": ("select seller from bids join auctions on id = auction", {ID, AUCTION}),
    "a join by using": ("select seller from bids join auctions using (event_at)", set()),
    "an order": ("select bidder from bids order by price limit 3", {PRICE}),
    "a rank": ("select bidder, row_number() over (order by price) as r from bids qualify r = 1", {PRICE}),
    "a subquery": ("select bidder from bids where auction in (select id from auctions)", {AUCTION, ID}),
    "a subquery about the row around it": (
        "select channel from bids where exists (select 1 from auctions where id = bids.bidder)",
        {ID, BIDDER},
    ),
    "a common table": ("with a as (select auction from bids where price > 3) select auction from a", {PRICE}),
}


@pytest.mark.parametrize(("sql", "columns"), DECIDING.values(), ids=DECIDING.keys())
def test_whatever_decides_rows_is_read(sql, columns):
    assert reads_of(replace(MODEL, sql=sql), INPUTS).rows == TIMES | columns


def test_what_chooses_a_value_is_read_for_it():
    sql = "select arg_max(bidder, price) as b, count(*) filter (channel = 'x') as n, sum(auction) as s from bids"
    assert reads_of(replace(MODEL, sql=sql), INPUTS).columns == {"b": {BIDDER, PRICE}, "n": {CHANNEL}, "s": {AUCTION}}


def test_a_field_of_a_packed_choice_has_its_own_value_and_its_order():
    sql = "with a as (select arg_min({p: price, c: channel}, event_at) as x from bids) select x.p as p from a"
    assert reads_of(replace(MODEL, sql=sql), INPUTS).columns == {"p": {PRICE, ("bids", "event_at")}}


def test_a_life_and_what_touches_grains_decide():
    key = Key(column="id", life=Life(input="auctions", starts="event_at", ends="seller"))
    lives = replace(
        MODEL, sql="select id from auctions, bids", grain=key, touches={"auctions": "id", "bids": "auction"}
    )
    assert reads_of(lives, INPUTS).rows == {ID, AUCTION, SELLER, ("auctions", "event_at")}


COLUMNS = {
    "bids": ["event_at", "auction", "price", "bidder"],
    "sums": ["minute", "total", "n"],
    "rich": ["minute", "n"],
    "counts": ["minute", "n"],
    "tops": ["hour", "total"],
    "sizes": ["hour", "n"],
    "rare": ["hour", "n"],
}


def model(name, sql, source, grain="minute"):
    touches = {} if source == "bids" else {source: "minute"}
    window = Window(column=grain, size=timedelta(minutes=1))
    return replace(MODEL, name=name, pipeline="p", sql=sql, inputs=(source,), grain=window, touches=touches)


PIPELINE = Pipeline(
    name="p",
    streams=(Stream(name="bids", topic="bids", pipeline="p", description="", owner="team:x"),),
    models=(
        model("sums", "select minute, sum(price) as total, count(*) as n from bids group by 1", "bids"),
        model("rich", "select minute, count(*) as n from bids where price > 9 group by 1", "bids"),
        model("counts", "select minute, count(*) as n from bids group by 1", "bids"),
        model("tops", "select hour, max(total) as total from sums group by 1", "sums", "hour"),
        model("sizes", "select hour, sum(n) as n from sums group by 1", "sums", "hour"),
        model("rare", "select hour, sum(n) as n from rich group by 1", "rich", "hour"),
    ),
)


def test_a_broken_column_reaches_who_reads_it_through_other_models_too():
    found = reached(PIPELINE, COLUMNS, [("bids", "price")])
    assert found == {name: [("bids", "price")] for name in ("sums", "rich", "tops", "rare")}  # sizes only counts rows


def test_a_column_that_nobody_reads_reaches_nobody():
    assert reached(PIPELINE, COLUMNS, [("bids", "bidder")]) == {}


def test_rows_that_are_broken_as_a_whole_reach_everybody():
    assert set(reached(PIPELINE, COLUMNS, [("bids", None)])) == {m.name for m in PIPELINE.models}


def test_each_of_two_broken_columns_is_named_as_a_cause():
    found = reached(PIPELINE, COLUMNS, [("bids", "event_at"), ("bids", "price")])
    assert found["tops"] == [("bids", "event_at"), ("bids", "price")] and found["counts"] == [("bids", "event_at")]
