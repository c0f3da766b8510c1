import json

import fastavro
import pytest

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.references import inlined

MONEY = {"type": "record", "name": "Money", "namespace": "bank", "fields": [{"name": "cents", "type": "long"}]}


def avro(source, **referred):
    named = {name.replace("_", "."): json.dumps(other) for name, other in referred.items()}
    return json.loads(inlined(json.dumps(source), SchemaFormat.AVRO, named))


@pytest.mark.parametrize("used_as", ["bank.Money", ["null", "bank.Money"], {"type": "array", "items": "bank.Money"}])
def test_a_referred_type_stands_where_it_is_used_first_and_is_named_afterwards(used_as):
    fields = [{"name": "a", "type": used_as}, {"name": "b", "type": "bank.Money"}]
    found = avro({"type": "record", "name": "R", "namespace": "shop", "fields": fields}, bank_Money=MONEY)

    fastavro.parse_schema(found, named_schemas={})
    assert json.dumps(found).count('"cents"') == 1
    assert found["fields"][1]["type"] == "bank.Money"


def test_a_type_that_two_references_bring_along_is_defined_once():
    a = {"type": "record", "name": "A", "fields": [{"name": "m", "type": MONEY}]}
    b = {"type": "record", "name": "B", "fields": [{"name": "m", "type": MONEY}]}
    fields = [{"name": "a", "type": "A"}, {"name": "b", "type": "B"}]
    found = avro({"type": "record", "name": "R", "fields": fields}, A=a, B=b)

    fastavro.parse_schema(found, named_schemas={})
    assert json.dumps(found).count('"cents"') == 1


def test_a_json_reference_leads_into_the_text_itself():
    money = {"$id": "x", "type": "object", "properties": {"c": {"$ref": "#/definitions/cents"}}}
    money["definitions"] = {"cents": {"type": "integer"}}
    source = {
        "type": "object",
        "properties": {"m": {"$ref": "money.json"}, "c": {"$ref": "money.json#/definitions/cents"}},
    }

    found = json.loads(inlined(json.dumps(source), SchemaFormat.JSON, {"money.json": json.dumps(money)}))

    assert found["properties"]["m"]["$ref"] == "#/$defs/money.json"
    assert found["properties"]["c"]["$ref"] == "#/$defs/money.json/definitions/cents"
    assert found["$defs"]["money.json"]["properties"]["c"]["$ref"] == "#/$defs/money.json/definitions/cents"
    assert "$id" not in found["$defs"]["money.json"]


def test_a_text_without_references_stays_as_it_is():
    assert inlined("{ }", SchemaFormat.JSON, {}) == "{ }"
