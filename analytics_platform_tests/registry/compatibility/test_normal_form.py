import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import InvalidSchemaError, UnsupportedFormatError
from analytics_platform.registry.compatibility import (
    Reference,
    SchemaText,
    fingerprint,
    format_named,
    normalize,
    require_valid,
)
from analytics_platform_tests.registry.compatibility.schemas import avro, field, json_, record

SHORT = record(field("Colour"), namespace="shop")
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED"], "namespace": "shop"}
ADDRESS = json_({"type": "object", "properties": {"street": {"type": "string"}}})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "int"}, "int"),
        ({"type": {"type": "int"}}, "int"),
        (record(namespace="a.b"), record(name="a.b.Event")),
        (record(field("int", order="ascending")), record(field({"type": "int"}))),
        (record(field("int"), aliases=["Old"], namespace="a"), record(field("int"), name="a.Event", aliases=["a.Old"])),
        (record(aliases=["B", "A"]), record(aliases=["A", "B"])),
    ],
)
def test_avro_schemas_that_say_the_same_share_their_normal_form(one, other):
    assert normalize(avro(json.dumps(one, indent=3))) == normalize(avro(json.dumps(other)))
    assert fingerprint(avro(json.dumps(one))) == fingerprint(avro(json.dumps(other)))


@pytest.mark.parametrize(
    "other",
    [
        record(field("int", doc="how many")),
        record(field("int", default=1)),
        record(field({"type": "int", "logicalType": "date"})),
        record(field("int", name="g")),
        record(field("int", pii="none")),
    ],
)
def test_what_says_more_or_else_has_another_normal_form(other):
    assert fingerprint(avro(other)) != fingerprint(avro(record(field("int"))))


def test_the_order_of_fields_is_kept_and_that_of_names_in_json_is_not():
    one, other = record(field("int"), field("int", name="g")), record(field("int", name="g"), field("int"))

    assert fingerprint(avro(one)) != fingerprint(avro(other))
    assert fingerprint(json_({"required": ["a", "b"]})) == fingerprint(json_({"required": ["b", "a"]}))
    assert fingerprint(json_({"enum": ["a", "b"]})) != fingerprint(json_({"enum": ["b", "a"]}))


@given(st.sampled_from([SHORT, record(field(COLOUR)), record(field(["null", "string"], default=None))]))
def test_a_normal_form_is_a_schema_and_its_own_normal_form(source):
    schema = avro(source, Reference(name="shop.Colour", schema=avro(COLOUR)) if source is SHORT else _unused())
    normal = SchemaText(format=schema.format, text=normalize(schema), references=schema.references)

    assert normalize(normal) == normal.text
    require_valid(normal)


def _unused():
    return Reference(name="x.Unused", schema=avro({"type": "fixed", "name": "x.Unused", "size": 1}))


def test_a_schema_with_another_reference_has_another_fingerprint():
    wide = avro({**COLOUR, "symbols": ["RED", "BLUE"]})
    one = avro(SHORT, Reference(name="shop.Colour", schema=avro(COLOUR)))
    other = avro(SHORT, Reference(name="shop.Colour", schema=wide))

    assert normalize(one) == normalize(other)
    assert fingerprint(one) != fingerprint(other)


AVRO_FAULTS = [
    ("{", "line 1, column 2"),
    ('{"type": "int", "type": "long"}', ""),
    ("NaN", ""),
    ("3", ""),
    ({"fields": []}, ""),
    ({"type": "record", "fields": []}, ""),
    (record(field("money")), "/fields/0/type"),
    (record(field("int"), field("int")), "/fields/1"),
    (record({"name": "f"}), "/fields/0"),
    (record(field("int", name="2f")), "/fields/0"),
    (record(field(["int", "int"])), "/fields/0/type/1"),
    (record(field(["int", ["null"]])), "/fields/0/type/1"),
    ({"type": "enum", "name": "E", "symbols": ["A", "A"]}, "/symbols"),
    ({"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}, "/default"),
    ({"type": "fixed", "name": "F", "size": -1}, "/size"),
    ({"type": "array"}, ""),
    ({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}, ""),
    (record(field("int", default="a")), "Event.f"),
    (record(field(["null", "int"], default="a")), "Event.f"),
    (record(field("bytes", default="€")), "Event.f"),
    (record(field({"type": "string", "logicalType": "uuid"}, default="x")), "Event.f"),
    (record(field({"type": "int", "logicalType": "time-millis"}, default=-1)), "Event.f"),
    (
        record(field({"type": "bytes", "logicalType": "decimal", "precision": 1}, default="\u0010")),
        "Event.f",
    ),
    (record(field("Event", default={})), "Event.f"),
]


@pytest.mark.parametrize(("source", "path"), AVRO_FAULTS)
def test_what_is_no_avro_schema_is_refused_with_its_place(source, path):
    with pytest.raises(InvalidSchemaError) as refused:
        require_valid(avro(source))
    assert refused.value.path == path


JSON_FAULTS = [
    ("[1, 2", "line 1, column 6"),
    ("[]", ""),
    ({"type": "strin"}, "/type"),
    ({"properties": {"a/b": {"minimum": "3"}}}, "/properties/a~1b/minimum"),
    ({"required": "a"}, "/required"),
    ({"$schema": "http://example.com/mine"}, "/$schema"),
    ({"properties": {"a": {"$ref": "#/definitions/none"}}}, "/properties/a/$ref"),
    ({"items": {"$ref": "http://example.com/elsewhere.json"}}, "/items/$ref"),
    ({"definitions": {"a": {"anyOf": [{}, {"$ref": "#/definitions/a"}]}}}, "/definitions/a"),
]


@pytest.mark.parametrize(("source", "path"), JSON_FAULTS)
def test_what_is_no_json_schema_is_refused_with_its_place(source, path):
    with pytest.raises(InvalidSchemaError) as refused:
        require_valid(json_(source))
    assert refused.value.path == path


def test_references_are_found_by_their_name_through_references_too():
    street = json_({"type": "string"})
    address = json_({"properties": {"street": {"$ref": "street.json"}}}, Reference(name="street.json", schema=street))
    person = {"$id": "http://shop/person.json", "properties": {"home": {"$ref": "address.json#/properties/street"}}}

    require_valid(json_(person, Reference(name="http://shop/address.json", schema=address)))
    require_valid(json_({"$ref": "address.json"}, Reference(name="address.json", schema=address)))


def test_a_word_that_looks_like_a_reference_is_none_among_values():
    require_valid(json_({"properties": {"$ref": {"type": "string"}}, "enum": [{"$ref": "nowhere"}]}))


def test_a_reference_in_another_format_is_refused():
    with pytest.raises(InvalidSchemaError, match=r"AVRO, the schema is JSON"):
        require_valid(json_({}, Reference(name="a", schema=avro("int"))))


def test_formats_go_by_the_names_of_confluent_and_protobuf_is_refused():
    assert [format_named(name) for name in (None, "AVRO", "JSON")] == ["AVRO", "AVRO", "JSON"]
    with pytest.raises(UnsupportedFormatError, match="PROTOBUF are not supported"):
        format_named("PROTOBUF")
