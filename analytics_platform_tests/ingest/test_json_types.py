import pyarrow as pa
import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.json_types import json_arrow_type, parse_json_schema
from analytics_platform_tests.ingest.json_samples import schema, thing

INTEGER = {"type": "integer"}


def column(type_, **more):
    [field] = parse_json_schema(schema({**thing(f=type_), **more})).fields
    return json_arrow_type(field.type), field.type.is_nullable


@pytest.mark.parametrize(
    "type_",
    [
        {"type": ["integer", "null"]},
        {"oneOf": [{"type": "null"}, INTEGER]},
        {"anyOf": [{"$ref": "#/definitions/n~1a"}, {"type": "null"}]},
    ],
)
def test_null_and_one_other_type_is_a_nullable_column(type_):
    assert column(type_, definitions={"n/a": INTEGER}) == (pa.int64(), True)


@pytest.mark.parametrize(
    "type_",
    [
        True,
        {},
        {"type": ["integer", "string"]},
        {"oneOf": [INTEGER, {"type": "string"}]},
        {"type": "object"},
        {"type": "array"},
        {"type": "null"},
        {"$ref": "https://example.com/other"},
        {"enum": [1, "a"]},
    ],
)
def test_what_may_be_of_several_types_is_kept_as_json_text(type_):
    assert column(type_) == (pa.string(), True)


def test_a_reference_to_the_schema_around_it_ends_in_json_text():
    source = thing(below={"$ref": "#"}, n=INTEGER)

    [below, _] = parse_json_schema(schema(source)).fields

    assert json_arrow_type(below.type) == pa.struct({"below": pa.string(), "n": pa.int64()})


def test_an_object_whose_keys_are_data_is_a_map():
    assert column({"type": ["object", "null"], "additionalProperties": INTEGER}) == (
        pa.map_(pa.string(), pa.int64()),
        True,
    )
    assert column({"type": "object", "additionalProperties": {}})[0] == pa.map_(pa.string(), pa.string())
    assert column({"type": "object", "additionalProperties": False})[0] == pa.string()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"type": "string"}, "describes no object with properties"),
        ({}, "describes no object with properties"),
        ({"type": "object", "properties": {}}, "describes no object with properties"),
        (thing(f={"type": "float"}), "is no JSON Schema"),
        (thing(f={"$ref": "#/definitions/x"}), "#/definitions/x leads nowhere"),
        ({"type": "object", "properties": [1]}, "is no JSON Schema"),
        (thing(id=INTEGER, ID=INTEGER), "properties id and ID are one in SQL"),
        (thing(f=thing(**{"": INTEGER})), "'' is no name in SQL"),
        (thing(f=thing(**{"a\0b": INTEGER})), "is no name in SQL"),
    ],
)
def test_what_cannot_become_columns_is_refused(source, problem):
    with pytest.raises(DeclarationError, match=problem):
        parse_json_schema(schema(source))
