import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.ingest.infer_json import infer_json, schema_text
from analytics_platform.ingest.json_text import compile_json
from analytics_platform_tests.ingest.json_samples import DOCUMENTS, FITTING, schema
from analytics_platform_tests.proofs.own_topic import as_column, as_json

ADDRESS = "ada.{}@example.com"


def drafted(*documents, taken=()):
    found = infer_json(documents, taken)
    assert found is not None
    return found


def one(*values):
    """The type drafted for a field that had these values."""
    found = dict(drafted(*({"f": value} for value in values)).source["properties"]["f"])
    found.pop("description")
    return found


@settings(max_examples=60)
@given(st.data())
def test_every_document_of_the_sample_fits_its_draft(data):
    _, values = data.draw(DOCUMENTS)
    documents = data.draw(st.lists(values | FITTING, min_size=1, max_size=8))
    draft = infer_json(documents)
    if draft is None:
        return
    bodies = [json.dumps(document).encode() for document in documents]

    table, faults = compile_json(schema(draft.source)).decode(pa.array(bodies, pa.binary()))

    assert faults.null_count == len(bodies), (draft.source, faults)
    for document, row in zip(documents, table.to_pylist(), strict=True):
        assert as_cell(draft.source, row) == as_column(draft.source, document)


def as_cell(source, row):
    return {name: as_json(below, row[name]) for name, below in source["properties"].items()}


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([1.0], {"type": "number"}),
        ([True, None], {"type": ["boolean", "null"]}),
        (["2026-11-01T12:00:00Z", "2026-11-01t12:00:00.5+01:00"], {"type": "string", "format": "date-time"}),
        (["2026-11-01T12:00:00Z", "soon"], {"type": "string"}),
        (["2026-11-01"], {"type": "string"}),
        (["2026-02-30T00:00:00Z"], {"type": "string"}),
        ([[1], [], [None]], {"type": "array", "items": {"type": ["integer", "null"]}}),
        ([[]], {"type": "array"}),
        ([{}], {"type": "object"}),
        ([1, "1"], {}),
        ([{"a": 1}, [1]], {}),
        ([2**64], {}),
        ([None], {}),
    ],
)
def test_a_type_is_what_all_values_are(values, type_):
    assert one(*values) == type_


def test_what_every_one_of_many_has_is_required_and_null_is_no_absence():
    documents = [{"always": None if n % 2 else n, "often": n} for n in range(30)]
    documents[3].pop("often")

    found = drafted(*documents).source

    assert found["required"] == ["always"]
    assert found["properties"]["always"]["type"] == ["integer", "null"]
    assert found["properties"]["often"]["description"] == "Not described yet; in 29 of 30."
    assert "required" not in drafted(*documents[:5]).source


@pytest.mark.parametrize(
    "names",
    [
        [f"{n}" for n in range(3)],
        ["2026-11-01", "2026-11-02"],
        [ADDRESS.format(n) for n in range(2)],
        ["0f8fad5b-d9cb-469f-a165-70867728950e"],
    ],
)
def test_an_object_whose_names_look_like_data_is_a_map(names):
    assert one(dict.fromkeys(names, 1)) == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_an_object_of_many_rare_names_that_are_all_alike_is_a_map_and_one_of_unlike_fields_is_none():
    users = [{f"user_{letter}{n}": {"likes": n}} for n, letter in enumerate("abcdefghijkl")]
    kinds = [{f"kind_{letter}": n if n % 2 else "x"} for n, letter in enumerate("abcdefghijkl")]

    assert one(*users)["additionalProperties"]["properties"] == {"likes": {"type": "integer"}}
    assert set(one(*kinds)["properties"]) == {f"kind_{letter}" for letter in "abcdefghijkl"}


def test_documents_that_are_maps_themselves_have_no_columns():
    assert infer_json([{ADDRESS.format(1): 1}]) is None
    assert infer_json([]) is None


def test_names_that_columns_cannot_have_are_left_out_and_said():
    found = drafted(
        *[{"id": 1, "ID": 2, "offset": 3, "": 4, ADDRESS.format(7): 5, "x": 1}] * 3, {"id": 1}, taken=["offset"]
    )

    assert set(found.source["properties"]) == {"id", "x"}
    assert found.left_out == {
        "ID": "SQL does not tell it from id",
        "offset": "tables have a column of that name",
    }
    assert found.nameless == 2


def test_epoch_times_are_named_so():
    now = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    found = drafted({"seen": int(now * 1000), "created_at": int(now), "number": int(now)}).source["properties"]

    assert found["seen"] == {"type": "integer", "description": "Looks like epoch milliseconds (UTC); in 1 of 1."}
    assert found["created_at"]["description"].startswith("Looks like epoch seconds (UTC)")
    assert found["number"]["description"].startswith("Not described yet")


def test_no_value_of_the_sample_is_in_the_draft():
    secret = {"name": "Ada", "tags": ["Lovelace"], "by": {ADDRESS.format(n): n for n in range(3)}, "n": 4711}

    text = schema_text(drafted(*[secret] * 30).source)

    assert not any(value in text for value in ("Ada", "Lovelace", "ada.", "example", "4711"))


@given(st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)))
def test_the_text_of_a_schema_says_the_same(source):
    assert json.loads(schema_text(source)) == source


def test_a_schema_reads_well():
    source = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string", "description": "x" * 99}},
    }

    assert schema_text(source).splitlines()[:4] == [
        "{",
        '  "type": "object",',
        '  "properties": {',
        '    "a": {"type": "integer"},',
    ]
