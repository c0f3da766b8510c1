"""Every column of a stream's tables says what it means."""

from analytics_platform.ingest.decode import reader_columns
from analytics_platform.lake import shapes
from analytics_platform.lake.meaning import OURS, meanings
from analytics_platform.products import catalog
from analytics_platform.registry.folder import read_schemas
from analytics_platform.settings import ROOT


def test_our_own_columns_are_all_described():
    ours = [*shapes.bronze("any").columns.names, *shapes.exceptions("any").columns.names]
    assert set(ours) == set(OURS)


def test_the_fields_of_the_shipped_schemas_are_all_described():
    for stream in catalog().streams:
        reader = read_schemas(ROOT / "schemas", stream).reader
        assert set(reader_columns(reader).names) <= set(meanings(reader))


def test_our_words_for_our_columns_win_over_a_schemas():
    reader = read_schemas(ROOT / "schemas", "bids").reader
    assert meanings(reader)["event_at"] == OURS["event_at"]
