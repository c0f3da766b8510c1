from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import BreakKind, Reference, breaks
from analytics_platform_tests.registry.compatibility.schemas import avro, field, json_, record

BACKWARD = Compatibility.BACKWARD


def money(*more):
    return avro(record(field("long", "amount"), *more, name="shop.Money"))


def sale(of):
    return avro(record(field("shop.Money", "price")), Reference(name="shop.Money", schema=of))


def test_a_change_inside_a_referenced_avro_type_is_found_with_its_path():
    [found] = breaks(sale(money(field("string", "currency"))), [sale(money())], BACKWARD)

    assert (found.kind, found.path) == (BreakKind.NO_DEFAULT, "price.currency")


def test_a_referenced_avro_type_may_gain_a_field_with_a_default():
    assert breaks(sale(money(field("string", "currency", default="USD"))), [sale(money())], BACKWARD) == []


def order(address):
    source = {"type": "object", "properties": {"to": {"$ref": "address.json"}}, "additionalProperties": False}
    return json_(source, Reference(name="address.json", schema=address))


def test_a_change_inside_a_referenced_document_is_found_with_its_path():
    wide, narrow = (
        json_({"properties": {"zip": {"type": "number"}}}),
        json_({"properties": {"zip": {"type": "integer"}}}),
    )

    [found] = breaks(order(narrow), [order(wide)], BACKWARD)

    assert (found.kind, found.path) == (BreakKind.TYPE, "to.zip")
    assert breaks(order(wide), [order(narrow)], BACKWARD) == []


def test_a_referenced_document_of_another_dialect_is_not_judged():
    newest = json_({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string"})

    [found] = breaks(order(newest), [order(json_({"type": "string"}))], BACKWARD)

    assert found.kind is BreakKind.FORMAT


def test_what_a_schema_holds_or_refers_to_is_the_same():
    inline = avro(record(field(record(field("long", "amount"), name="shop.Money"), "price")))

    assert breaks(inline, [sale(money())], Compatibility.FULL) == []
