"""Declarations are grouped and ordered; what cannot work is refused with its name and what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import DeclarationError
from analytics_platform.product import Key, Life, Model, Stream, Window

BIDS = Stream(name="bids", topic="bids", pipeline="house", description="", owner="team:x")
AUCTIONS = replace(BIDS, name="auctions", topic="auctions")
HOURS = Model(
    name="zz_hours",
    pipeline="house",
    description="",
    owner="team:x",
    sql="",
    inputs=("bids",),
    grain=Window(column="hour", size=timedelta(hours=1)),
)
TOTALS = replace(
    HOURS, name="totals", inputs=("zz_hours",), grain=Key(column="channel"), touches={"zz_hours": "channel"}
)
LIFE = Life(input="auctions", starts="opens", ends="closes")
BEST = replace(
    HOURS,
    name="best",
    inputs=("auctions", "bids"),
    grain=Key(column="id", life=LIFE),
    touches={"auctions": "id", "bids": "auction"},
)
EVERYTHING = [TOTALS, BEST, HOURS, BIDS, AUCTIONS]


def test_models_come_after_what_they_read_and_know_their_streams():
    pipeline = catalog_of(EVERYTHING).pipelines["house"]
    assert pipeline.stream_names == ["auctions", "bids"]
    assert pipeline.model_names == ["best", "zz_hours", "totals"]
    assert [s.name for s in pipeline.sources(pipeline.model("totals"))] == ["bids"]
    assert [m.name for m in pipeline.readers("bids")] == ["best", "zz_hours"]


MISTAKES = {
    "declared twice": ([BIDS, replace(HOURS, name="bids")], "bids: declared twice"),
    "an unknown input": ([BIDS, replace(HOURS, inputs=("bets",))], "reads bets, which is no stream or model"),
    "no input": ([BIDS, replace(HOURS, inputs=())], "has no inputs"),
    "another pipeline": ([BIDS, replace(HOURS, pipeline="shop")], "in pipeline shop, its input bids in house"),
    "touches what it does not read": (
        [BIDS, AUCTIONS, replace(HOURS, touches={"auctions": "opens"})],
        "`touches` names auctions, which it does not read",
    ),
    "a key of unknown column": (
        [BIDS, AUCTIONS, replace(BEST, touches={"auctions": "id"})],
        "which of its grains a row of bids belongs to; name the column with the key in `touches`",
    ),
    "a window over a model without its instant": (
        [BIDS, HOURS, replace(TOTALS, grain=HOURS.grain, touches={})],
        "a row of zz_hours belongs to; name the column with an instant",
    ),
    "a key without a life over a stream": (
        [BIDS, AUCTIONS, replace(BEST, grain=Key(column="id"))],
        "would read all of auctions, bids, however old it is; give the key a `Life`",
    ),
    "a life in no input": (
        [BIDS, AUCTIONS, replace(BEST, grain=Key(column="id", life=replace(LIFE, input="persons")))],
        "the life of its key is in persons, which it does not read",
    ),
    "windows that do not fit": (
        [BIDS, replace(HOURS, grain=Window(column="w", size=timedelta(minutes=5), every=timedelta(minutes=2)))],
        "windows of 0:05:00 every 0:02:00 do not fit",
    ),
    "a circle": (
        [BIDS, replace(HOURS, inputs=("bids", "totals"), touches={"totals": "hour"}), TOTALS],
        "reads itself: .*totals reads zz_hours.*; break the circle",
    ),
}


@pytest.mark.parametrize(("declared", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_declaration_is_refused_for(declared, said):
    with pytest.raises(DeclarationError, match=said):
        catalog_of(declared)


def test_dead_letters_go_where_no_stream_reads_them():
    with pytest.raises(
        DeclarationError, match="stream bids: its dead letters would go to auctions, which auctions reads"
    ):
        catalog_of([replace(BIDS, dead_letters="auctions"), AUCTIONS])
    assert catalog_of([replace(BIDS, dead_letters="bids.dead"), replace(AUCTIONS, dead_letters="bids.dead")]).streams
