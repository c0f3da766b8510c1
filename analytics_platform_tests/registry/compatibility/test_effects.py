import pyarrow as pa
import pytest
from deltalake.schema import Schema
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.evolve import misfits
from analytics_platform.registry.compatibility import BreakKind, Victim
from analytics_platform.registry.compatibility.effects import (
    NO_TAG,
    key_breaks,
    lake_breaks,
    model_breaks,
    tag_breaks,
)

SCALARS = st.sampled_from([pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.timestamp("us", "UTC"), pa.date32()])


def columns(**types):
    return pa.schema([pa.field(name, kind) for name, kind in types.items()])


def structs(inner):
    return st.dictionaries(st.sampled_from("xyz"), inner, min_size=1).map(
        lambda fields: pa.struct([pa.field(name, kind) for name, kind in fields.items()])
    )


TYPES = st.recursive(SCALARS, lambda inner: structs(inner) | inner.map(pa.list_), max_leaves=4)
COLUMNS = st.dictionaries(st.sampled_from("abc"), TYPES, min_size=1).map(lambda types: columns(**types))


@given(COLUMNS, COLUMNS)
def test_what_breaks_the_lake_is_what_a_table_refuses_to_evolve_to(before, after):
    is_refused = misfits(Schema.from_arrow(before), Schema.from_arrow(after)) != []

    assert bool(lake_breaks(before, after)) == is_refused


def test_a_break_of_the_lake_names_the_field_inside_a_struct():
    before = columns(o=pa.struct([pa.field("x", pa.int64()), pa.field("y", pa.string())]))
    after = columns(o=pa.struct([pa.field("x", pa.string())]))

    found = {(each.path, each.before, each.after) for each in lake_breaks(before, after)}

    assert found == {("o.x", "int64", "string"), ("o.y", "string", "not there")}


def test_a_model_is_hurt_by_a_column_that_it_reads_and_by_no_other():
    before, after = columns(a=pa.int64(), b=pa.int64(), c=pa.int64()), columns(a=pa.string(), c=pa.int64())

    [found] = model_breaks(before, after, {"a": ["hot_items", "revenue"][:1], "c": ["revenue"]})

    assert (found.path, found.hurts, found.kind) == ("a", Victim.MODEL, BreakKind.MODEL)
    assert "hot_items" in found.before


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": "email"}, {"a": "email", "b": "name"}, []),
        ({"a": "email"}, {}, []),
        ({"a": "email"}, {"a": "none"}, ["a"]),
        ({"a": "none"}, {"a": "email"}, ["a"]),
        ({"a": NO_TAG}, {"a": "email"}, []),
        ({"a": "email"}, {"a": NO_TAG}, ["a"]),
    ],
)
def test_a_decision_about_personal_data_stays_what_it_was(before, after, paths):
    assert [each.path for each in tag_breaks(before, after)] == paths


def test_another_key_is_a_break():
    assert key_breaks('"long"', '"long"') == [] == key_breaks(None, None)
    assert [each.kind for each in key_breaks(None, '"long"')] == [BreakKind.KEY]
