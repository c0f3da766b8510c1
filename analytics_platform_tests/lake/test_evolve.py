"""A table may gain columns, and structs may gain fields; everything else is refused."""

import pyarrow as pa
from deltalake.schema import Schema

from analytics_platform.lake.evolve import columns_to_add, misfits

PLACE = pa.struct([pa.field("city", pa.string())])
WIDER_PLACE = pa.struct([pa.field("city", pa.string()), pa.field("zip", pa.string())])


def schema(**columns):
    return Schema.from_arrow(pa.schema([pa.field(name, kind) for name, kind in columns.items()]))


def test_what_is_new_is_added_as_nullable():
    (added,) = columns_to_add(schema(x=pa.int64()), schema(x=pa.int64(), y=pa.string()))
    assert (added.name, added.nullable) == ("y", True)


def test_a_field_of_a_struct_may_be_added():
    there, wanted = schema(place=PLACE), schema(place=WIDER_PLACE)
    assert misfits(there, wanted) == [] and [f.name for f in columns_to_add(there, wanted)] == ["place"]


def test_a_field_of_a_struct_may_not_vanish():
    assert len(misfits(schema(place=WIDER_PLACE), schema(place=PLACE))) == 1


def test_every_misfit_is_named():
    found = misfits(schema(x=pa.int64(), y=pa.string()), schema(x=pa.int32()))
    assert [text.split()[1] for text in found] == ["x", "y"]


def test_equal_columns_need_nothing():
    same = schema(x=pa.int64(), place=PLACE, tags=pa.list_(pa.string()))
    assert misfits(same, same) == [] and columns_to_add(same, same) == []
