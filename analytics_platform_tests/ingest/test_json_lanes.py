"""Decoding side by side gives what DuckDB gives, whatever stands between records that are written alike."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.ingest.json_lanes import BLOCK, find_lanes, template_of
from analytics_platform.ingest.json_text import FEWEST_LANES, compile_json
from analytics_platform.ingest.json_types import Kind
from analytics_platform_tests.ingest.json_samples import INTEGER, STRING, TIME, schema

SOURCE = {
    "type": "object",
    "properties": {"id": INTEGER, "name": STRING, "at": TIME, "note": STRING, "n": INTEGER},
    "required": ["id", "name", "at"],
}
PLAN = compile_json(schema(SOURCE))
LIKE = {"id": 17, "name": "Zoë", "at": "2026-01-01T12:00:00.123Z", "n": -5}
SEPARATORS = [(",", ":"), (", ", ": ")]

NAMES = st.text(max_size=12) | st.sampled_from(["", "x" * 300, "{", "}", ",", ":", "\\", '"', "\n", "ß", "\ud800"])
NUMBERS = st.integers(-(10**20), 10**20) | st.sampled_from([0, 10**17, 10**18 - 1, 10**18, -(10**18), 2**63 - 1, 2**63])
TIMES = st.datetimes().map(lambda at: at.isoformat() + "Z") | st.sampled_from(
    [
        "2024-02-29T23:59:59Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2000-02-29T00:00:00.5Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+01:00",
        "2026-01-01T00:00:0:Z",
        "",
    ]
)
DOCUMENTS = st.fixed_dictionaries({"id": NUMBERS, "name": NAMES, "at": TIMES, "n": NUMBERS | st.none() | NAMES})
SPOILT = st.sampled_from(
    [
        b"",
        b"{",
        b"{}",
        b"nonsense",
        b"\xff",
        b'{"id":1,"name":"a\xff","at":"2026-01-01T00:00:00Z","n":1}',
        b"[1]",
        b"null",
    ]
)
MANGLED = st.sampled_from(
    [
        lambda body: body[:-1],
        lambda body: body + b" ",
        lambda body: body + b"}",
        lambda body: body.replace(b'"n"', b'"N"'),
        lambda body: body.replace(b'"n"', b'"id"'),
        lambda body: body.replace(b'"n":', b'"n":0'),
        lambda body: body.replace(b"{", b'{"x":1,'),
        lambda body: body.replace(b",", b" ,", 1),
        lambda body: body.replace(b'"name"', b'"name\x00'),
        lambda body: body.replace(b"T", b"t"),
        lambda body: body,
    ]
)


def written(document, separators=SEPARATORS[0], **options):
    return json.dumps(document, separators=separators, **options).encode("utf-8", "surrogatepass")


@st.composite
def bodies(draw):
    separators, plain = draw(st.sampled_from(SEPARATORS)), draw(st.booleans())
    found = [written(LIKE, separators, ensure_ascii=False)] * FEWEST_LANES
    for document in draw(st.lists(DOCUMENTS, max_size=12)):
        body = written(document, separators, ensure_ascii=plain)
        found.insert(draw(st.integers(1, len(found))), draw(MANGLED)(body))
    for body in draw(st.lists(SPOILT, max_size=3)):
        found.insert(draw(st.integers(1, len(found))), body)
    return found


@given(bodies(), st.sampled_from([0, 5]))
def test_every_body_is_decoded_as_duckdb_does(found, skip):
    values = pa.array([b'"\\\xff\n0'[:skip] + body for body in found], pa.binary())
    table, faults = PLAN.decode(values, skip)
    wanted, wanted_faults = PLAN.decode_any(values, skip)
    table.validate(full=True)
    assert faults.to_pylist() == wanted_faults.to_pylist()
    assert table.equals(wanted)


@pytest.mark.parametrize("separators", SEPARATORS)
def test_records_that_are_written_alike_are_all_lanes(separators):
    documents = [{**LIKE, "id": n, "name": "ä" * (n % 7), "n": -n} for n in range(2 * BLOCK + 3)]
    values = pa.array([written(document, separators, ensure_ascii=False) for document in documents], pa.binary())
    template = template_of(values[0].as_py(), PLAN.root)
    assert template is not None
    assert template.kinds == (Kind.INTEGER, Kind.STRING, Kind.INSTANT, Kind.INTEGER)
    assert find_lanes(template, values, 0).rows.tolist() == list(range(len(documents)))
    table, faults = PLAN.decode(values)
    assert faults.null_count == len(documents)
    assert table["id"].to_pylist() == list(range(len(documents)))
    assert table["note"].null_count == len(documents)


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":1,"name":"x"}',
        b'{"id":1,"id":1,"name":"x","at":"2026-01-01T00:00:00Z"}',
        b'{"id":1,"name":"x","at":"2026-01-01T00:00:00Z","other":1}',
        b'{"id":"1","name":"x","at":"2026-01-01T00:00:00Z"}',
        b'{"id":1.5,"name":"x","at":"2026-01-01T00:00:00Z"}',
        b'{"id":1,"name":null,"at":"2026-01-01T00:00:00Z"}',
        b'{"id":1,"name":"x","at":"2026-01-01T00:00:00Z"',
        b"[]",
        b"",
    ],
)
def test_a_record_that_is_not_plain_is_no_template(body):
    assert template_of(body, PLAN.root) is None
