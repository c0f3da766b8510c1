"""confluent-kafka's registry client and serializers against a registry: every call it has, in one pass."""

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    ServerConfig,
    dual_schema_id_deserializer,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

BID = {"type": "record", "name": "Bid", "namespace": "stock", "fields": [{"name": "price", "type": "long"}]}
CHANNEL = {"name": "channel", "type": "string", "default": "web"}
WIDER = {**BID, "fields": [*BID["fields"], CHANNEL]}
BROKEN = {**BID, "fields": [{"name": "price", "type": "string"}]}
LOT = {"type": "record", "name": "Lot", "namespace": "stock", "fields": [{"name": "bid", "type": "stock.Bid"}]}
PERSON = {"title": "Person", "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
WIDE, WIDE_BYTES = 2**50, 8  # the stock deserializer takes no body of less than six bytes, header or not
REFERENCE = SchemaReference("stock.Bid", "stock-value", 1)


def avro(source: Any, *references: SchemaReference) -> Schema:
    """An Avro schema as the client wants it."""
    return Schema(json.dumps(source), "AVRO", list(references))


def refused(call: Callable[[], Any]) -> tuple[int, int] | None:
    """The status and code that a call ends with; None if it succeeds."""
    try:
        call()
    except SchemaRegistryError as error:
        return error.http_status_code, error.error_code
    return None


def client_calls(url: str) -> dict[str, bool]:
    """By call, whether it did what its documentation says; each client of its own, so that no cache answers."""

    def client() -> SchemaRegistryClient:
        return SchemaRegistryClient({"url": url})

    subject = "stock-value"
    first = client().register_schema(subject, avro(BID))
    second = client().register_schema_full_response(subject, avro(WIDER))
    lot = client().register_schema("lots-value", avro(LOT, REFERENCE))
    guid = second.guid
    found = {
        "register_schema": client().register_schema(subject, avro(BID)) == first,
        "register_schema_full_response": (second.version, second.subject) == (2, subject) and bool(guid),
        "register_schema, normalized": client().register_schema(subject, avro(BID), normalize_schemas=True) == first,
        "references": client().get_schema(lot).references == [REFERENCE],
        "get_schema": json.loads(str(client().get_schema(first).schema_str)) == BID,
        "get_schema_by_guid": json.loads(str(client().get_schema_by_guid(guid).schema_str)) == WIDER,
        "get_schema_types": sorted(client().get_schema_types()) == ["AVRO", "JSON"],
        "get_subjects_by_schema_id": client().get_subjects_by_schema_id(first) == [subject],
        "get_schema_versions": [(v.subject, v.version) for v in client().get_schema_versions(first)] == [(subject, 1)],
        "lookup_schema": client().lookup_schema(subject, avro(WIDER)).version == 2,
        "get_subjects": {subject, "lots-value"} <= set(client().get_subjects()),
        "get_latest_version": client().get_latest_version(subject).schema_id == second.schema_id,
        "get_version": client().get_version(subject, 1).schema_id == first,
        "get_referenced_by": client().get_referenced_by(subject, 1) == [lot],
        "get_versions": client().get_versions(subject) == [1, 2],
        "test_compatibility": not client().test_compatibility(subject, avro(BROKEN)),
        "test_compatibility_all_versions": client().test_compatibility_all_versions(subject, avro(WIDER)),
        "get_contexts": client().get_contexts() == ["."],
    }
    return {**found, **_refusals(client, subject), **_settings(client), **_deletes(client)}


def _refusals(client: Callable[[], SchemaRegistryClient], subject: str) -> dict[str, bool]:
    by_case = {
        "an incompatible schema": (avro(BROKEN), (409, 40901)),
        "an invalid schema": (Schema("{", "AVRO"), (422, 42201)),
        "Protobuf": (Schema("message M {}", "PROTOBUF"), (422, 42201)),
    }
    return {
        case: refused(partial(client().register_schema, subject, schema)) == code
        for case, (schema, code) in by_case.items()
    }


def _settings(client: Callable[[], SchemaRegistryClient]) -> dict[str, bool]:
    subject = "stock-settings"
    wanted = ServerConfig(compatibility=ConfigCompatibilityLevel.FULL)
    return {
        "get_compatibility": client().get_compatibility() == "BACKWARD",
        "set_compatibility": client().set_compatibility(subject, "FULL")["compatibility"] == "FULL",
        "set_config": client().set_config(subject, wanted) == {"compatibility": "FULL"},
        "get_config": str(client().get_config(subject).compatibility_level).endswith("FULL"),
        "delete_config": client().delete_config(subject) is not None,
        "a level that is not set": refused(lambda: client().get_compatibility(subject)) == (404, 40408),
        "update_mode": client().update_mode(subject, "READONLY") == "READONLY",
        "get_mode": client().get_mode(subject) == "READONLY",
        "a read-only subject": refused(lambda: client().register_schema(subject, avro(BID))) == (422, 42205),
        "delete_mode": client().delete_mode(subject) == "READONLY",
        "update_global_mode": client().update_global_mode("READWRITE") == "READWRITE",
        "get_global_mode": client().get_global_mode() == "READWRITE",
    }


def _deletes(client: Callable[[], SchemaRegistryClient]) -> dict[str, bool]:
    subject = "stock-deletes"
    id_ = client().register_schema(subject, avro({**BID, "name": "Gone"}))
    return {
        "delete_version": client().delete_version(subject, 1) == 1,
        "a deleted version": refused(lambda: client().get_version(subject, 1)) == (404, 40401),
        "get_version, deleted": client().get_version(subject, 1, deleted=True).schema_id == id_,
        "delete_version, permanent": client().delete_version(subject, 1, permanent=True) == 1,
        "delete_subject": client().delete_subject("lots-value") == [1],
        "delete_subject, permanent": client().delete_subject("lots-value", permanent=True) == [1],
        "its id stays": client().get_schema(id_).schema_type == "AVRO",
    }


def round_trips(url: str) -> dict[str, bool]:
    """By serializer, whether a fresh deserializer reads what it writes."""

    def client() -> SchemaRegistryClient:
        return SchemaRegistryClient({"url": url})

    context = SerializationContext("trip", MessageField.VALUE, [])
    prefixed = AvroSerializer(client(), json.dumps(BID))({"price": 7}, context)
    by_header = {"schema.id.serializer": header_schema_id_serializer}
    headed = AvroSerializer(client(), json.dumps(BID), conf=by_header)({"price": WIDE}, context)
    dual = {"schema.id.deserializer": dual_schema_id_deserializer}
    people = SerializationContext("people", MessageField.VALUE)
    person = JSONSerializer(json.dumps(PERSON), client())({"id": 3}, people)
    by_context = dict(context.headers)
    return {
        "Avro, id in front": AvroDeserializer(client())(prefixed, SerializationContext("trip", MessageField.VALUE))
        == {"price": 7},
        "Avro, GUID in a header": AvroDeserializer(client(), conf=dual)(headed, context) == {"price": WIDE},
        "the header is 17 bytes, 01 first": by_context["__value_schema_id"][:1] == b"\x01"
        and len(by_context["__value_schema_id"]) == 17,
        "the body has no prefix then": len(headed) == WIDE_BYTES,
        "JSON, id in front": JSONDeserializer(None, schema_registry_client=client())(person, people) == {"id": 3},
        "Avro, into a later reader": AvroDeserializer(client(), json.dumps(WIDER))(
            prefixed, SerializationContext("trip", MessageField.VALUE)
        )
        == {"price": 7, "channel": "web"},
    }


def written(url: str, subject: str, value: dict[str, Any]) -> str:
    """A record for that subject, in base64."""
    serializer = AvroSerializer(SchemaRegistryClient({"url": url}), json.dumps(WIDER))
    return base64.b64encode(serializer(value, SerializationContext(subject, MessageField.VALUE))).decode()


def read(url: str, record: str) -> Any:
    """A record in base64, whoever wrote it."""
    deserializer = AvroDeserializer(SchemaRegistryClient({"url": url}))
    return deserializer(base64.b64decode(record), SerializationContext("any", MessageField.VALUE))
