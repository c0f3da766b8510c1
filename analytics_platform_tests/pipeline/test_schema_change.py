import json
from uuid import UUID

import pyarrow as pa

from analytics_platform.facts import Schema, SchemaFormat
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.pipeline.schema_change import effects, readers
from analytics_platform.products import catalog
from analytics_platform.registry.compatibility import Victim
from analytics_platform.settings import ROOT

PIPELINE = next(p for p in catalog().pipelines.values() if "bids" in p.stream_names)
BIDS = json.loads((ROOT / "schemas" / "bids" / "value" / "1.avsc").read_text())


def schema(source):
    text = json.dumps(source)
    return Schema(id=0, guid=UUID(int=0), subject="bids-value", version=2, format=SchemaFormat.AVRO, text=text)


def bids(**types):
    """The shipped schema, with other types for some fields; None leaves one out."""
    fields = [{**field, "type": types.get(field["name"], field["type"])} for field in BIDS["fields"]]
    return schema({**BIDS, "fields": [field for field in fields if field["type"] is not None]})


def test_int_becomes_long_without_a_change_of_silver():
    assert effects(PIPELINE, "bids", bids(price="int"), bids(price="long")) == []
    assert effects(PIPELINE, "bids", bids(price="float"), bids(price="double")) == []
    assert reader_columns(bids(price="int")).field("price").type == pa.int64()


def test_a_column_that_goes_hurts_the_lake_and_each_model_that_reads_it():
    found = effects(PIPELINE, "bids", bids(), bids(price=None))

    hurt = {(each.hurts, each.path) for each in found}
    assert {(Victim.LAKE, "price"), (Victim.MODEL, "price")} == hurt
    assert any("highest_bid" in each.before for each in found)


def test_a_column_that_no_model_reads_hurts_the_lake_alone():
    assert [each.hurts for each in effects(PIPELINE, "bids", bids(), bids(extra=None))] == [Victim.LAKE]


def test_a_type_that_no_column_can_hold_is_a_break_of_the_lake():
    [found] = effects(PIPELINE, "bids", bids(), bids(extra=["null", "string", "long"]))

    assert (found.hurts, "no column can hold" in found.after) == (Victim.LAKE, True)


def test_models_are_found_by_the_columns_that_their_sql_names():
    found = readers(PIPELINE, "bids", reader_columns(bids()))

    assert "bid_counts" in found["auction"]
    assert "extra" not in found
