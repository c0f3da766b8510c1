"""A model that cannot work is refused when it is declared, with its name, the problem and what to do."""

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.lake.duckdb import connect, model_columns
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Key, Life, Model, Window

OURS = [("event_at", INSTANT), ("late_micros", pa.int64())]
INPUTS = {
    "bids": pa.schema([*OURS, ("auction", pa.int64()), ("price", pa.int64()), ("channel", pa.string())]),
    "auctions": pa.schema(
        [*OURS, ("id", pa.int64()), ("opens", INSTANT), ("closes", INSTANT), ("share", pa.float64())]
    ),
}
HIGHEST = Model(
    name="highest",
    pipeline="p",
    description="",
    owner="team:x",
    sql="select minute, max(price) as price from bids group by minute",
    inputs=("bids",),
    grain=Window(column="minute", size=timedelta(minutes=1)),
)
LIFE = Life(input="auctions", starts="opens", ends="closes")
BEST = replace(
    HIGHEST,
    name="best",
    sql="select id, max(price) as price from auctions join bids on auction = id group by id",
    inputs=("auctions", "bids"),
    grain=Key(column="id", life=LIFE),
    touches={"auctions": "id", "bids": "auction"},
)


def highest(sql, **given):
    return replace(HIGHEST, sql=sql, **given)


MISTAKES = {
    "an unknown column": (
        highest("select minute, max(prize) as price from bids group by minute"),
        r'its SQL cannot run: .*"prize" not found(.|\n)*"price".*mend its .sql file',
    ),
    "types that do not fit": (
        highest("select minute, sum(channel) as price from bids group by minute"),
        r"its SQL cannot run: (.|\n)*sum\(VARCHAR\)",
    ),
    "no SQL": (highest("selct minute from bids"), "cannot be parsed"),
    "two statements": (highest("select 1; select 2"), "is not one SELECT"),
    "no query": (highest("delete from bids"), "is not one SELECT"),
    "the grain is not selected": (highest("select max(price) as price from bids"), "does not select the grain column"),
    "the grain has another type": (
        highest("select minute::date as minute, max(price) as price from bids group by all"),
        r"grain column minute is date32\[day\] in the result, and not an instant",
    ),
    "a clock": (highest("select minute, now() as at from bids"), r"asks a clock \(NOW\(\)\).*use watermark\(\)"),
    "a clock by keyword": (highest("select minute, current_timestamp as at from bids"), "asks a clock"),
    "today": (highest("select minute, today() as day from bids"), "asks a clock"),
    "a lot": (highest("select minute, random() as chance from bids"), "draws lots"),
    "a sample": (highest("select minute from bids using sample 10%"), "draws lots"),
    "a table that is no input": (
        highest("select minute, price from bids join auctions using (event_at)"),
        "reads auctions, which is not among its inputs: bids.*add it to `inputs`",
    ),
    "a file": (highest("select b.minute from bids b, read_parquet('all.parquet')"), "reads READ_PARQUET"),
    "all rows of an input behind our back": (highest("select minute from bids, bids__rows"), "reads bids__rows"),
    "an input that is not read": (
        highest(HIGHEST.sql, inputs=("bids", "auctions")),
        "does not read its input auctions",
    ),
    "a description of no column": (
        replace(HIGHEST, columns={"minute": "", "prize": ""}),
        "`columns` describes prize, which its SQL does not yield; it yields minute, price",
    ),
    "a window named as a column of the input": (
        highest("select price from bids", grain=Window(column="price", size=timedelta(minutes=1))),
        "price is a column of bids already",
    ),
    "touches an unknown column": (
        replace(BEST, touches={"auctions": "id", "bids": "auktion"}),
        "names bids.auktion, which does not exist; did you mean auction",
    ),
    "touches a column of no instants": (
        replace(HIGHEST, touches={"bids": "price"}),
        "takes instants from bids.price, which is int64",
    ),
    "a key of fractions": (replace(BEST, touches={"auctions": "share", "bids": "auction"}), "auctions.share is double"),
    "a key of two types": (
        replace(BEST, touches={"auctions": "id", "bids": "channel"}),
        "its key has no one type: auctions.id is int64, bids.channel is string",
    ),
    "a life without instants": (
        replace(BEST, grain=Key(column="id", life=replace(LIFE, ends="id"))),
        "its `Life` takes instants from auctions.id",
    ),
    "a life of unknown columns": (
        replace(BEST, grain=Key(column="id", life=replace(LIFE, starts="opened"))),
        "auctions.opened, which does not exist; did you mean opens",
    ),
    "a key of another type in the result": (
        replace(BEST, sql=BEST.sql.replace("select id,", "select id::varchar as id,")),
        "grain column id is string in the result, and not int64 as in its inputs",
    ),
    "our own column": (highest("select minute, late_micros from bids"), "yields a column named late_micros"),
}


@pytest.mark.parametrize(("model", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_model_is_refused_for(model, said):
    with pytest.raises(DeclarationError, match=said) as refused:
        model_columns(connect(), model, INPUTS)
    assert str(refused.value).startswith(f"model {model.name}: ") and refused.value.remedy


def test_a_model_may_use_common_tables_series_and_the_watermark():
    sql = """
        with best as (select minute, max(price) as price from bids group by minute)
        select minute, price, n from best, range(2) t(n), unnest([1]) where minute <= watermark()
    """
    assert model_columns(connect(), highest(sql), INPUTS).names == ["minute", "price", "n"]
    assert model_columns(connect(), BEST, INPUTS).names == ["id", "price"]
