"""The auction house's models: what they are declared to be, and what two oracles say of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.lake.lineage import column_lineage
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.local.auction_house.faults import Shares
from analytics_platform.local.auction_house.timeline import starting
from analytics_platform.local.demo_oracle import compare
from analytics_platform.pipeline.parts import pipeline_shapes, read_as
from analytics_platform.products import catalog
from analytics_platform.registry.folder import read_schemas
from analytics_platform.settings import ROOT
from analytics_platform_tests.local.houses import house, produce
from analytics_platform_tests.proofs.model_oracle import expected_models, too_late
from analytics_platform_tests.proofs.oracle import expect

NOON_MS = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp() * 1000)
PIPELINE = catalog().pipelines["auction_house"]
COUNTS = {
    ("channel_revenue", "bids"),
    ("bid_counts", "bids"),
    ("closing_prices", "auctions"),
    ("new_sellers", "auctions"),
}


@pytest.fixture(scope="module")
def columns():
    """By stream and model, its columns."""
    schemas = {name: read_schemas(ROOT / "schemas", name) for name in PIPELINE.stream_names}
    return {read_as(name): shape.columns.names for name, shape in pipeline_shapes(PIPELINE, schemas).items()}


def test_every_column_of_every_model_is_described(columns):
    assert {m.name: list(m.columns) for m in PIPELINE.models} == {m.name: columns[m.name] for m in PIPELINE.models}


def test_every_column_of_every_model_has_an_origin_or_is_a_count(columns):
    found = {model.name: column_lineage(model, columns) for model in PIPELINE.models}
    assert {(m, column) for m, origins in found.items() for column in origins if not origins[column]} == COUNTS
    assert found["highest_bid"]["price"] == [("bids", "price")]
    assert found["winning_bids"]["closed_at"] == [("auctions", "expires")]
    assert found["closing_prices"]["hour"] == [("winning_bids", "closed_at")]


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """What an auction house with every kind of fault would have produced in twenty minutes."""
    folder = tmp_path_factory.mktemp("truth")
    shares = Shares(late=0.05, duplicates=0.02, conflicts=0.01, malformed=0.02, out_of_order=0.02)
    slow = replace(house(shares, seed=7), timeline=starting(0, NOON_MS, 25.0))
    for number, chunk in enumerate(produce(slow, 30_000)):
        for kind, table in chunk.truth.items():
            pq.write_table(table, folder / f"{kind}-{number:08}.parquet")
    return folder


def test_both_oracles_say_the_same(truth):
    expected = expect(truth)
    models = {name: pa.Table.from_pylist(rows) for name, rows in expected_models(expected).items()}
    assert too_late(expected["bids"]) > 0 and all(table.num_rows for table in models.values())
    typed = {name: _as_published(table) for name, table in models.items()}
    assert compare(truth, typed) == dict.fromkeys(models, True)
    for name, table in typed.items():
        assert compare(truth, {name: table.slice(1)}) == {name: False}


def _as_published(table):
    is_time = pa.types.is_timestamp
    return table.cast(pa.schema([(f.name, INSTANT if is_time(f.type) else f.type) for f in table.schema]))


def test_lineage_is_told_as_a_tree_up_to_the_topic():
    said = CliRunner().invoke(commands, ["lineage", "category_prices.average_price"]).output
    assert said.splitlines() == [
        "category_prices.average_price",
        "├─ closing_prices.auctions",
        "└─ closing_prices.revenue",
        "   └─ winning_bids.price",
        "      └─ bids.price",
        "         └─ topic bids: field price",
    ]
    (document,) = json.loads(CliRunner().invoke(commands, ["lineage", "hot_items.auction", "--json"]).output)
    (bid,) = document["from"][0]["from"]
    assert bid == {"name": "bids.auction", "from": [{"name": "topic bids: field auction", "from": []}]}


@pytest.mark.parametrize(("name", "known"), [("hot_items.aucton", "auction"), ("hot_item", "hot_items")])
def test_lineage_of_what_does_not_exist_says_what_does(name, known):
    refused = CliRunner().invoke(commands, ["lineage", name])
    assert refused.exit_code == 2 and known in refused.output
