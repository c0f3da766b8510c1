from analytics_platform.registry.compatibility import Reference
from analytics_platform.registry.fields import fields_of
from analytics_platform_tests.registry.compatibility.schemas import avro, field, json_, record

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
ITEM = record(field("long", "id", doc="Its number.", pii="none"), name="Item")


def by_path(schema):
    return {each.path: each for each in fields_of(schema)}


def test_fields_inside_fields_are_named_by_their_way():
    schema = avro(
        record(field({"type": "array", "items": ITEM}, "items"), field(["null", ITEM | {"name": "In"}], "one"))
    )

    found = by_path(schema)

    assert list(found) == ["items", "items[].id", "one", "one.id"]
    assert (found["items"].holds_fields, found["items[].id"].holds_fields) == (True, False)
    assert (found["items[].id"].name, found["items[].id"].doc, found["items[].id"].pii) == ("id", "Its number.", "none")
    assert (found["one"].is_optional, found["items"].is_optional) == (True, False)


def test_what_a_field_says_of_its_values_is_found_in_unions_and_lists():
    schema = avro(
        record(field(["null", MILLIS], "at", default=None), field({"type": "map", "values": "int"}, "counts"))
    )

    found = by_path(schema)

    assert (found["at"].logical, found["at"].kinds, found["at"].has_default) == ("timestamp-millis", {"long"}, True)
    assert (found["counts"].kinds, found["counts"].type) == ({"int"}, "map of int")


def test_a_recursive_record_ends():
    assert list(by_path(avro(record(field(["null", "Event"], "next"), field("int"))))) == ["next", "f"]


def test_a_referenced_type_brings_its_fields():
    schema = avro(record(field("Item", "item")), Reference(name="Item", schema=avro(ITEM)))

    assert list(by_path(schema)) == ["item", "item.id"]


def test_json_fields_are_found_through_references_and_combinations():
    schema = json_(
        {
            "definitions": {"item": {"type": "object", "properties": {"id": {"type": "integer", "pii": "none"}}}},
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"$ref": "#/definitions/item"}},
                "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "description": "When."},
                "self": {"$ref": "#"},
            },
            "required": ["items", "at"],
        }
    )

    found = by_path(schema)

    assert list(found)[:3] == ["items", "items[].id", "at"]
    assert (found["at"].logical, found["at"].kinds, found["at"].is_optional) == ("date-time", {"string"}, True)
    assert (found["at"].doc, found["items[].id"].pii) == ("When.", "none")
