import json
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.ingest.json_text import compile_json, json_columns
from analytics_platform_tests.ingest.json_samples import (
    BOOLEAN,
    DOCUMENTS,
    INTEGER,
    NUMBER,
    SAMPLE,
    SPOILT,
    STRING,
    TIME,
    expected,
    listing,
    mapping,
    schema,
    spoilt_text,
    thing,
)


def decode(source, *bodies):
    plan = compile_json(schema(source))
    table, faults = plan.decode(
        pa.array([body if isinstance(body, bytes) else body.encode() for body in bodies], pa.binary())
    )
    table.validate(full=True)
    assert table.schema == plan.columns
    return table.to_pylist(), faults.to_pylist()


PLAN = compile_json(schema(SAMPLE))


def same(row, wanted):
    """Whether a row is what was found by hand; `any` is JSON text."""
    text = row.pop("any")
    other = wanted.pop("any")
    return row == wanted and (text is None if other is None else json.loads(text) == json.loads(json.dumps(other)))


@settings(max_examples=30, deadline=None)
@given(st.lists(SPOILT.map(lambda value: json.dumps(value).encode()) | spoilt_text(), min_size=1, max_size=40))
def test_every_text_is_read_or_refused_as_by_hand_and_harms_no_other(bodies):
    table, faults = PLAN.decode(pa.array(bodies, pa.binary()))

    table.validate(full=True)
    for body, row, fault in zip(bodies, table.to_pylist(), faults.to_pylist(), strict=True):
        value, wrong = expected(SAMPLE, body)
        assert fault == wrong, body
        assert set(row.values()) == {None} if wrong else same(row, value), body


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:60Z",
        "2026-01-01T24:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00+99:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "infinity",
        "epoch",
        "",
        " 2026-01-01T00:00:00Z",
    ],
)
def test_a_time_is_rfc_3339_within_the_years_1_to_9999(text):
    assert decode(thing(f=TIME), json.dumps({"f": text}))[1] == ["wrong type f"]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (INTEGER, '"5"'),
        (INTEGER, "5.7"),
        (INTEGER, "5.0"),
        (INTEGER, "true"),
        (INTEGER, "9223372036854775808"),
        (INTEGER, "99999999999999999999999"),
        (INTEGER, "{}"),
        (NUMBER, '"5"'),
        (NUMBER, "1e400"),
        (NUMBER, "false"),
        (STRING, "5"),
        (STRING, "[]"),
        (BOOLEAN, "0"),
        (BOOLEAN, '"true"'),
        (TIME, "5"),
        (thing(x=INTEGER), "[]"),
        ({"type": "array", "items": INTEGER}, "5"),
    ],
)
def test_a_value_of_another_type_is_no_null(type_, text):
    rows, faults = decode(thing(f=type_), f'{{"f": {text}}}', '{"f": null}', "{}")

    assert faults == ["wrong type f", None, None]
    assert rows == [{"f": None}] * 3


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "invalid json"),
        (b'{"f": 1', "invalid json"),
        (b'{"f": 1} {}', "invalid json"),
        (b'{"f": 1,}', "invalid json"),
        (b'{"f": NaN}', "invalid json"),
        (b'{"g": [-Infinity], "f": 1}', "invalid json"),
        (b'\xef\xbb\xbf{"f": 1}', "invalid json"),
        (b'{"f": 1, "g": "\xff"}', "bad utf-8"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b'{"f": null}', "missing f"),
        (b'{"F": 1}', "missing f"),
        (b'{"f": 1, "g": "[NaN], ]"}', None),
        (b'{"f": 1, "f": 2}', None),
    ],
)
def test_each_fault_has_its_name(body, fault):
    rows, faults = decode(thing(["f"], f=INTEGER), '{"f": 1}', body, '{"f": 1}')

    assert faults == [None, fault, None]
    assert rows == [{"f": 1}, {"f": None if fault else 1}, {"f": 1}]


def test_names_may_hold_any_character():
    names = ["a'b", 'c"d', "e/f", "g~h", "i.j", "$k", "ü", "select"]
    body = json.dumps({name: place for place, name in enumerate(names)})

    rows, faults = decode(thing(names, **dict.fromkeys(names, INTEGER)), body, "{}")

    assert rows[0] == {name: place for place, name in enumerate(names)}
    assert faults == [None, "missing a'b"]


def test_a_missing_field_is_named_by_its_path_only_where_its_object_is_there():
    source = thing(o=thing(["x"], x=thing(["y"], y=INTEGER)))

    assert decode(source, "{}", '{"o": {}}', '{"o": {"x": {}}}')[1] == [None, "missing o.x", "missing o.x.y"]


def test_rows_stay_in_order_and_a_prefix_is_skipped():
    plan = compile_json(schema(thing(f=INTEGER)))
    bodies = pa.array([b'.....{"f": %d}' % n for n in range(300_000)], pa.binary())

    table, faults = plan.decode(bodies, 5)

    assert table["f"].to_pylist() == list(range(300_000))
    assert faults.null_count == 300_000


@settings(max_examples=40)
@given(st.data())
def test_nested_documents_are_read_as_by_hand_whatever_their_depth(data):
    source, values = data.draw(DOCUMENTS)
    documents = data.draw(st.lists(values, min_size=1, max_size=8))
    bodies = [json.dumps(document, ensure_ascii=data.draw(st.booleans())).encode() for document in documents]

    rows, faults = decode(source, *bodies)

    for body, row, fault in zip(bodies, rows, faults, strict=True):
        assert (row, fault) == expected(source, body)


@pytest.mark.parametrize(
    ("values", "body", "wanted"),
    [
        (INTEGER, '{"m": {"b": 1, "a": null, "": 2}}', [("b", 1), ("a", None), ("", 2)]),
        (INTEGER, '{"m": {}}', []),
        (INTEGER, '{"m": null}', None),
        (INTEGER, "{}", None),
        (STRING, '{"m": {"\\u00fc/~": "x\\n"}}', [("ü/~", "x\n")]),
        (listing(INTEGER), '{"m": {"a": [1, null], "b": null}}', [("a", [1, None]), ("b", None)]),
        (mapping(INTEGER), '{"m": {"a": {"x": 1}, "b": {}}}', [("a", [("x", 1)]), ("b", [])]),
        (thing(x=INTEGER), '{"m": {"a": {"x": 1}, "b": {}}}', [("a", {"x": 1}), ("b", {"x": None})]),
        ({}, '{"m": {"a": [1], "b": "x"}}', [("a", "[1]"), ("b", '"x"')]),
    ],
)
def test_an_object_of_many_keys_is_a_map(values, body, wanted):
    assert decode(thing(m=mapping(values)), body) == ([{"m": wanted}], [None])


@pytest.mark.parametrize(
    ("source", "body", "fault"),
    [
        (mapping(INTEGER), '{"m": {"a": 1, "b": "x"}}', "wrong type m{}"),
        (mapping(INTEGER), '{"m": [1]}', "wrong type m"),
        (mapping(INTEGER), '{"m": {"a": 1, "a": 2}}', "key twice in m"),
        (mapping(mapping(INTEGER)), '{"m": {"a": {"b": 1, "b": 1}}}', "key twice in m{}"),
        (mapping(thing(["x"], x=INTEGER)), '{"m": {"a": {}}}', "missing m{}.x"),
        (listing(mapping(INTEGER)), '{"m": [null, {"a": true}]}', "wrong type m[]{}"),
        (listing(listing(listing(INTEGER))), '{"m": [[[1, "x"]]]}', "wrong type m[][][]"),
    ],
)
def test_what_is_wrong_inside_is_named_by_its_path_and_never_by_a_key(source, body, fault):
    assert decode(thing(m=source), '{"m": null}', body, "{}") == ([{"m": None}] * 3, [None, fault, None])


def test_a_document_of_25_kb_costs_about_a_millisecond():
    inner = {f"f{n}": (STRING, INTEGER, NUMBER, TIME)[n % 4] for n in range(40)}
    source = thing(id=STRING, parts=listing(thing(**inner, tags=listing(STRING), more=mapping(thing(**inner)))))
    values = {f"f{n}": ("some text", n, n + 0.5, "2026-11-01T12:00:00Z")[n % 4] for n in range(40)}
    part = {**values, "tags": ["a", "b"], "more": {"k": values, "l": values}}
    documents = [json.dumps({"id": str(n), "parts": [part] * 11}) for n in range(400)]
    assert 20_000 < len(documents[0]) < 30_000
    plan = compile_json(schema(source))

    began = time.process_time()
    table, faults = plan.decode(pa.array([document.encode() for document in documents], pa.binary()))
    milliseconds = (time.process_time() - began) * 1000 / len(documents)

    assert faults.null_count == len(documents)
    assert table["parts"][399][10].as_py()["f3"] == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert milliseconds < 8  # 1.1 measured; 30 when each fault parses its part anew


def test_columns_do_not_depend_on_there_being_rows():
    assert decode(SAMPLE) == ([], [])
    assert json_columns(schema(SAMPLE)).field("p").type == pa.list_(pa.struct({"at": pa.timestamp("us", "UTC")}))
    assert json_columns(schema(SAMPLE)).names == list(SAMPLE["properties"])
