"""Where the columns of a model come from, whatever its SQL is made of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.lake.lineage import column_lineage, traced
from analytics_platform.product import FromField, FromHeader, Key, Model, Pipeline, Stream, Window

INPUTS = {
    "bids": ["event_at", "event_id", "auction", "price", "bidder", "channel"],
    "auctions": ["event_at", "event_id", "id", "seller"],
}
MODEL = Model(
    name="m",
    pipeline="p",
    description="",
    owner="team:x",
    sql="",
    inputs=("bids", "auctions"),
    grain=Window(column="minute", size=timedelta(minutes=1)),
)
PRICE, BIDDER = ("bids", "price"), ("bids", "bidder")
QUERIES = {
    "a column": ("select price as p from bids", {"p": [PRICE]}),
    "an expression": ("select price + bidder as p from bids", {"p": [BIDDER, PRICE]}),
    "a name of other case": ("select PRICE as p from Bids b", {"p": [PRICE]}),
    "an alias of a table": ("select b.Price as p from bids b", {"p": [PRICE]}),
    "the window": ("select minute, count(*) as n from bids group by 1", {"minute": [("bids", "event_at")], "n": []}),
    "a join": (
        "select b.price as p, seller as s from bids b join auctions a on b.auction = a.id",
        {"p": [PRICE], "s": [("auctions", "seller")]},
    ),
    "a join by using": (
        "select event_at as t from bids join auctions using (event_at)",
        {"t": [("auctions", "event_at"), ("bids", "event_at")]},
    ),
    "a common table": (
        "with a as (select price as x, bidder from bids), b as (select x * 2 as y from a) select y from b",
        {"y": [PRICE]},
    ),
    "a subquery in from": ("select x as p from (select max(price) as x from bids)", {"p": [PRICE]}),
    "a scalar subquery": ("select (select max(seller) from auctions) as s from bids", {"s": [("auctions", "seller")]}),
    "a star": (
        "select * from (select price, bidder from bids)",
        {"price": [PRICE], "bidder": [BIDDER]},
    ),
    "a star of one table": (
        "select a.* exclude (event_at) from bids b join auctions a on a.id = b.auction",
        {
            "event_id": [("auctions", "event_id")],
            "id": [("auctions", "id")],
            "seller": [("auctions", "seller")],
            "minute": [("auctions", "event_at")],
        },
    ),
    "a union": (
        "select price as x from bids union all select seller from auctions",
        {"x": [("auctions", "seller"), PRICE]},
    ),
    "a packed struct": (
        "select best.p, best.who.b from (select arg_min({p: price, who: {b: bidder}}, {at: event_at}) as best"
        " from bids)",
        {"p": [PRICE], "b": [BIDDER]},
    ),
    "a struct as a whole": ("select {p: price, b: bidder} as s from bids", {"s": [BIDDER, PRICE]}),
    "an alias of the same list": ("select price * 2 as x, x + 1 as y from bids", {"x": [PRICE], "y": [PRICE]}),
    "a window function": (
        "select max(price) over (partition by bidder order by event_at) as p, rank() over (order by price) as r"
        " from bids",
        {"p": [PRICE], "r": []},
    ),
    "an ordered and filtered aggregate": (
        "select list(price order by bidder) filter (where channel = 'x') as p from bids",
        {"p": [PRICE]},
    ),
    "a series": ("select n, price from bids, range(3) t(n)", {"n": [], "price": [PRICE]}),
    "a column renamed by its table": (
        "with a(x) as (select price from bids) select x from a",
        {"x": [PRICE]},
    ),
}


@pytest.mark.parametrize(("sql", "found"), QUERIES.values(), ids=QUERIES.keys())
def test_lineage_goes_through(sql, found):
    assert column_lineage(replace(MODEL, sql=sql), INPUTS) == found


def test_the_column_of_a_key_is_a_column_of_its_inputs():
    keyed = replace(MODEL, grain=Key(column="auction"), sql="select auction from bids")
    assert column_lineage(keyed, INPUTS) == {"auction": [("bids", "auction")]}


def test_a_column_is_traced_through_models_to_parts_of_records():
    bids = Stream(
        name="bids",
        topic="bids-topic",
        pipeline="p",
        description="",
        owner="team:x",
        identity=FromHeader("id"),
        event_time=FromField("at"),
    )
    hours = replace(
        MODEL, name="hours", inputs=("bids",), sql="select minute, sum(price) as total from bids group by 1"
    )
    days = replace(MODEL, name="days", inputs=("hours",), touches={"hours": "minute"}, sql="select total from hours")
    pipeline = Pipeline(name="p", streams=(bids,), models=(hours, days))
    known = {"bids": INPUTS["bids"], "hours": ["minute", "total"]}

    def names(found):
        return [found.name, *(name for source in found.sources for name in names(source))]

    assert names(traced(pipeline, known, "days", "total")) == [
        "days.total",
        "hours.total",
        "bids.price",
        "topic bids-topic: field price",
    ]
    assert names(traced(pipeline, known, "hours", "minute"))[1:] == ["bids.event_at", "topic bids-topic: field at"]
    assert names(traced(pipeline, known, "bids", "event_id"))[1:] == ["topic bids-topic: header id"]
    assert names(traced(pipeline, known, "bids", "offset"))[1:] == ["topic bids-topic: offset"]
