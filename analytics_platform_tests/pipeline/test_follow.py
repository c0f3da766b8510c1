"""A version that is published while a lease's parts are open is used from the next planning on."""

import json
from dataclasses import replace

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import SchemaFormat
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.follow import follow_schemas
from analytics_platform.registry import store
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.texts import Draft, propose
from analytics_platform_tests.pipeline.house import FIELDS, SCHEMAS, auction, bid, kafka_with, opened
from analytics_platform_tests.pipeline.orders import lease


def publish(ledger, stream, version, **fields):
    properties = {**FIELDS[stream], **fields}
    text = json.dumps({"type": "object", "properties": properties, "required": list(FIELDS[stream])})
    draft = Draft(subject=f"{stream}-value", format=SchemaFormat.JSON, body=text)
    store.allot(ledger, draft.subject, version, propose(draft, lambda _: None), above=0)
    store.set_state(ledger, draft.subject, version, VersionState.PUBLISHED)


@pytest.fixture
def parts(ledger_dsn, tmp_path):
    kafka = kafka_with([bid("a")], [auction()])
    with opened(ledger_dsn, tmp_path, kafka) as found:
        found = replace(found, schemas=dict(SCHEMAS))  # those of the module stay as they are
        publish(found.ledger, "auctions", 1)
        publish(found.ledger, "bids", 1)
        yield found


def test_silver_has_the_new_column_with_the_next_commit_and_batches_are_pinned_to_it(parts):
    lease(parts, "first")
    old = parts.schemas["bids"].reader.id

    publish(parts.ledger, "bids", 2, currency={"type": "string"})
    follow_schemas(parts)

    silver = parts.tables.of("bids", Layer.SILVER)
    assert parts.schemas["bids"].reader.version == 2 and parts.schemas["bids"].reader.id != old
    assert "currency" in silver.shape.columns.names and "currency" in silver.columns_after()
    assert parts.pins(parts.pipeline.stream("bids")).reader_schema_id == parts.schemas["bids"].reader.id
    assert old in parts.schemas["bids"].writers


def test_a_version_that_a_model_cannot_be_computed_from_changes_nothing(parts):
    follow_schemas(parts)
    before = dict(parts.schemas), parts.tables.of("bids", Layer.SILVER).shape

    publish(parts.ledger, "bids", 2, price={"type": "string"})

    with pytest.raises(DeclarationError, match="model sums: its SQL cannot run"):
        follow_schemas(parts)
    assert (dict(parts.schemas), parts.tables.of("bids", Layer.SILVER).shape) == before


def test_without_a_change_nothing_is_read(parts):
    follow_schemas(parts)
    before = parts.schemas["bids"]

    follow_schemas(parts)

    assert parts.schemas["bids"] is before
