"""Clients that nobody here wrote: confluent-kafka's registry client, serializers and deserializers."""

import json

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from analytics_platform_tests.service.served import git, repository, serving

BID = {"type": "record", "name": "Bid", "fields": [{"name": "price", "type": "long"}]}
PERSON = {"title": "Person", "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


@pytest.fixture
def served(ledger_dsn, tmp_path):
    with serving(ledger_dsn, repository(tmp_path)) as found:
        yield found


@pytest.fixture
def client(served):
    return SchemaRegistryClient({"url": served.url})


def test_what_the_stock_avro_serializer_writes_the_stock_deserializer_reads(client, served):
    context = SerializationContext("bids", MessageField.VALUE)
    written = AvroSerializer(client, json.dumps(BID))({"price": 7}, context)
    assert written[:5] == b"\0\0\0\0\1"
    assert AvroDeserializer(SchemaRegistryClient({"url": served.url}))(written, context) == {"price": 7}


def test_what_the_stock_json_serializer_writes_the_stock_deserializer_reads(client, served):
    context = SerializationContext("persons", MessageField.VALUE)
    written = JSONSerializer(json.dumps(PERSON), client)({"id": 7}, context)
    reader = JSONDeserializer(None, schema_registry_client=SchemaRegistryClient({"url": served.url}))
    assert reader(written, context) == {"id": 7}


def test_the_same_schema_has_one_id_whatever_its_subject_and_white_space(client):
    first = client.register_schema("bids-value", Schema(json.dumps(BID), "AVRO"))
    again = client.register_schema("offers-value", Schema(json.dumps(BID, indent=3), "AVRO"))
    assert first == again
    assert client.lookup_schema("bids-value", Schema(json.dumps(BID), "AVRO")).version == 1
    assert client.get_schema(first).schema_type == "AVRO"


def test_a_registered_schema_is_a_commit_with_its_id(client, served):
    id_ = client.register_schema("bids-value", Schema(json.dumps(BID), "AVRO"))
    assert json.loads(git(served.folder, "show", "HEAD:schemas/bids/value/1.avsc")) == BID
    assert f"id: {id_}, subject: bids-value, version: 1" in git(served.folder, "show", "HEAD:schemas/ids.lock")
    assert git(served.folder, "status", "--porcelain") == ""


def test_the_stock_client_reads_an_error_code(client):
    with pytest.raises(SchemaRegistryError) as caught:
        client.get_latest_version("nobody-value")
    assert (caught.value.http_status_code, caught.value.error_code) == (404, 40401)
