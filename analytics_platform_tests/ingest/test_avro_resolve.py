from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.avro import LanePlan, compile_avro
from analytics_platform_tests.ingest.avro_samples import PLAIN, encoded, oracle, record, schema

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 1}
PROMOTIONS = [
    ("int", "long"),
    ("int", "double"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("int", ["null", "long"]),
    (["null", "int"], ["long", "null"]),
    (["null", "int"], "long"),
]


def enum(*symbols, **more):
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def fields(*described):
    return {"type": "record", "name": "Event", "fields": list(described)}


def read(bodies, writer, reader):
    plan = compile_avro(schema(writer), schema(reader, version=2))
    assert isinstance(plan, LanePlan)
    table, faults = plan.decode(pa.array(bodies, pa.binary()))
    table.validate(full=True)
    return table.to_pylist(), faults.to_pylist()


@given(st.sampled_from(PROMOTIONS), st.data())
def test_a_promoted_value_is_what_fastavro_makes_of_it(pair, data):
    writer, reader = (record([("f", type_)]) for type_ in pair)
    plain = pair[0] if isinstance(pair[0], str) else pair[0][1]
    value = data.draw(PLAIN[plain] | st.none() if isinstance(pair[0], list) else PLAIN[plain])
    body = encoded(writer, {"f": value})

    [row], [fault] = read([body], writer, reader)

    if value is None and isinstance(pair[1], str):
        assert fault == "bad union branch"
    else:
        assert (row, fault) == (oracle(body, writer, reader), None)


def test_bytes_read_as_text_must_be_utf_8():
    writer, reader = record([("f", "bytes")]), record([("f", "string")])

    rows, faults = read([encoded(writer, {"f": b"\xff"}), encoded(writer, {"f": b"ok"})], writer, reader)

    assert (rows, faults) == ([{"f": None}, {"f": "ok"}], ["bad utf-8", None])


def test_fields_are_matched_by_name_or_alias_in_the_readers_order_and_others_are_skipped():
    inner = record([("x", "long"), ("y", enum("A"))], "Inner")
    writer = record(
        [("gone", inner), ("old", "string"), ("none", "null"), ("b", ["null", inner["name"]]), ("c", "long")]
    )
    reader = fields({"name": "c", "type": "long"}, {"name": "new", "type": "string", "aliases": ["old"]})
    value = {"gone": {"x": 1, "y": "A"}, "old": "o", "none": None, "b": {"x": 2, "y": "A"}, "c": 3}

    rows, faults = read([encoded(writer, value)], writer, reader)

    assert (rows, faults) == ([{"c": 3, "new": "o"}], [None])
    assert list(rows[0]) == ["c", "new"]


@pytest.mark.parametrize(
    ("type_", "default", "value"),
    [
        ("long", 5, 5),
        ("double", 5, 5.0),
        ("string", "é", "é"),
        ("bytes", "\u00ff", b"\xff"),
        (["null", "long"], None, None),
        (["long", "null"], 5, 5),
        (MILLIS, 1, datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)),
        (MICROS, 1, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        (
            {"type": "long", "logicalType": "local-timestamp-millis"},
            1000,
            datetime.fromisoformat("1970-01-01T00:00:01"),
        ),
        ({"type": "int", "logicalType": "date"}, 1, date(1970, 1, 2)),
        (DECIMAL, "\u0000\u00ff", Decimal("25.5")),
        (DECIMAL, "\u00ff", Decimal("-0.1")),
        (enum("A", "B"), "B", "B"),
        ({"type": "fixed", "name": "F", "size": 1}, "a", b"a"),
        ({"type": "array", "items": "long"}, [1, 2], [1, 2]),
        ({"type": "map", "values": MILLIS}, {"a": 0}, [("a", datetime(1970, 1, 1, tzinfo=UTC))]),
        (
            fields({"name": "x", "type": "long"}, {"name": "y", "type": "long", "default": 2}),
            {"x": 1},
            {"x": 1, "y": 2},
        ),
    ],
)
def test_a_field_that_the_writer_lacks_has_its_default(type_, default, value):
    writer = record([("a", "long")], "Outer")
    reader = {**fields({"name": "f", "type": type_, "default": default}), "name": "Outer"}

    rows, faults = read([encoded(writer, {"a": 1}), b""], writer, reader)

    assert (rows, faults) == ([{"f": value}, {"f": None}], [None, "truncated"])


def test_an_unknown_symbol_becomes_the_readers_default_or_a_fault():
    writer = record([("f", enum("A", "B", "C"))])
    bodies = [encoded(writer, {"f": symbol}) for symbol in "ABC"]

    assert read(bodies, writer, record([("f", enum("C", "A", default="A"))]))[0] == [{"f": "A"}, {"f": "A"}, {"f": "C"}]
    assert read(bodies, writer, record([("f", enum("C", "A"))]))[1] == [None, "bad enum", None]


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("string", "long"),
        ("long", "int"),
        ("double", "float"),
        ("long", MILLIS),
        (MILLIS, MICROS),
        (MILLIS, "long"),
        (DECIMAL, {**DECIMAL, "scale": 2}),
        (DECIMAL, "bytes"),
        (enum("A"), "string"),
        (enum("A"), {**enum("A"), "name": "Other"}),
        ({"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}),
        (record([("x", "long")], "In"), record([("x", "string")], "In")),
        (record([], "In"), record([("x", "string")], "In")),
        ("null", ["null", "long"]),
    ],
)
def test_what_the_reader_cannot_read_is_refused_when_the_plan_is_made(writer, reader):
    with pytest.raises(DeclarationError, match="s-value version 1 read as version 2, field f") as caught:
        compile_avro(schema(record([("f", writer)])), schema(record([("f", reader)]), version=2))

    assert caught.value.remedy


@pytest.mark.parametrize("default", ["x", 2**70, True, None])
def test_a_default_of_another_type_is_refused(default):
    reader = fields({"name": "f", "type": {"type": "int", "logicalType": "date"}, "default": default})

    with pytest.raises(DeclarationError, match="does not fit its type"):
        compile_avro(schema(fields()), schema(reader))


def test_a_default_that_is_no_symbol_is_refused():
    def of(symbols):
        return fields({"name": "f", "type": {"type": "enum", "name": "E", "symbols": symbols, "default": "OTHER"}})

    with pytest.raises(DeclarationError, match="field f: default OTHER is none of its symbols; name one of them"):
        compile_avro(schema(of(["OTHER", "A"])), schema(of(["A"]), version=2))


def test_a_record_of_another_name_is_read_only_as_an_alias():
    writer = record([("f", "long")], "Old")

    with pytest.raises(DeclarationError, match="add the old name to `aliases`"):
        compile_avro(schema(writer), schema(record([("f", "long")], "New")))

    renamed = {**record([("f", "long")], "New"), "aliases": ["Old"]}
    assert read([encoded(writer, {"f": 1})], writer, renamed)[0] == [{"f": 1}]


@pytest.mark.parametrize(
    "type_", ["null", ["long", "string"], ["null", "long", "string"], {**DECIMAL, "precision": 39}]
)
def test_a_type_that_no_column_can_hold_is_refused(type_):
    with pytest.raises(DeclarationError, match="field f: no column can hold"):
        compile_avro(schema(record([("f", type_)])), schema(record([("f", type_)])))
