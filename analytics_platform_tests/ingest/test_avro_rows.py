import pyarrow as pa
import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.avro import compile_avro
from analytics_platform.ingest.avro_rows import RowReader
from analytics_platform_tests.ingest.avro_samples import encoded, record, schema

LIST = {"type": "array", "items": "int"}
MAP = {"type": "map", "values": "string"}
EVENT = record([("l", LIST), ("m", MAP), ("n", ["null", "long"])])
VALUE = {"l": [1, 2], "m": {"a": "b"}, "n": 5}
TREE = {
    "type": "record",
    "name": "Tree",
    "fields": [{"name": "n", "type": "long"}, {"name": "below", "type": ["null", "Tree"]}],
}


def read(bodies, writer, reader):
    plan = compile_avro(schema(writer), schema(reader, version=2))
    assert isinstance(plan, RowReader)
    table, faults = plan.decode(pa.array(bodies, pa.binary()), 1)
    table.validate(full=True)
    return table, faults.to_pylist()


def test_arrays_and_maps_are_read_row_by_row_and_a_broken_row_harms_no_other():
    body = encoded(EVENT, VALUE)

    table, faults = read([b"." + body, b"." + body[:-1], b"." + body + b"x", b".\x02\x02\x00"], EVENT, EVENT)

    assert table.schema == pa.schema(
        {"l": pa.list_(pa.int64()), "m": pa.map_(pa.string(), pa.string()), "n": pa.int64()}
    )
    assert table.to_pylist()[0] == {"l": [1, 2], "m": [("a", "b")], "n": 5}
    assert faults[:3] == [None, "truncated", "trailing bytes"]
    assert faults[3] is not None
    assert set(table.to_pylist()[1].values()) == {None}


def test_bytes_that_are_no_text_and_numbers_too_large_are_faults_of_their_row():
    texts, ints, longs = (
        record([("l", MAP)]),
        record([("l", LIST)]),
        record([("l", {"type": "array", "items": "long"})]),
    )
    body = encoded(texts, {"l": {"a": "b"}})

    assert read([b"." + body.replace(b"b", b"\xff"), b"." + body], texts, texts)[1] == ["bad utf-8", None]
    assert read([b"." + encoded(longs, {"l": [n]}) for n in (2**31, 1)], ints, ints)[1] == ["out of range", None]


def test_what_only_the_writer_has_may_be_of_any_type():
    writer = record([("tree", TREE), ("either", ["string", "long"]), ("a", "long")])
    reader = {
        **record([("a", "long")]),
        "fields": [
            {"name": "a", "type": "long"},
            {"name": "t", "type": {"type": "int", "logicalType": "date"}, "default": 1},
        ],
    }
    value = {"tree": {"n": 1, "below": {"n": 2, "below": None}}, "either": 5, "a": 3}

    table, faults = read([b"." + encoded(writer, value)], writer, reader)

    assert faults == [None]
    assert str(table.to_pylist()) == "[{'a': 3, 't': datetime.date(1970, 1, 2)}]"


def test_a_column_cannot_hold_a_type_inside_itself():
    with pytest.raises(DeclarationError, match="Tree inside itself"):
        compile_avro(schema(TREE), schema(TREE))


@pytest.mark.parametrize("items", ["null", record([("n", "null")], "Empty"), {"type": "fixed", "name": "F", "size": 0}])
def test_an_array_of_items_without_bytes_is_refused_for_ten_bytes_could_claim_billions_of_them(items):
    writer = record([("l", {"type": "array", "items": items}), ("a", "long")])

    with pytest.raises(DeclarationError, match="items that take no bytes"):
        compile_avro(schema(writer), schema(record([("a", "long")])))
