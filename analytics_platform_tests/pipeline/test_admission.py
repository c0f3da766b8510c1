"""A schema that a declared stream's table or models could not follow is refused before it is published."""

import json
from uuid import UUID

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import IncompatibleError
from analytics_platform.facts import SchemaFormat
from analytics_platform.pipeline.admission import judge_of, objections
from analytics_platform.product import Compatibility
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.snapshot import EVERYWHERE, Setting, Snapshot, Text, Version
from analytics_platform.registry.texts import Draft, propose
from analytics_platform_tests.pipeline.house import FIELDS, HOUSE

DECLARED = catalog_of([*HOUSE.streams, *HOUSE.models])
NOTHING = {"type": "null"}


def proposed(stream, fields):
    text = json.dumps({"type": "object", "properties": fields})
    draft = Draft(subject=f"{stream}-value", format=SchemaFormat.JSON, body=text)
    return propose(draft, lambda _: None)


def version(stream, id_):
    found = proposed(stream, FIELDS[stream])
    text = Text(id=id_, guid=UUID(int=id_), sha256=found.sha256, format=found.format, body=found.body)
    return Version(subject=f"{stream}-value", version=1, text=text, state=VersionState.PUBLISHED)


SNAPSHOT = Snapshot(
    texts={},
    subjects={f"{stream}-value": (version(stream, n),) for n, stream in enumerate(FIELDS, start=1)},
    settings={EVERYWHERE: Setting(compatibility=Compatibility.NONE)},
)


def test_a_new_field_hurts_nobody():
    assert (
        objections(DECLARED, SNAPSHOT, "bids-value", proposed("bids", {**FIELDS["bids"], "more": {"type": "string"}}))
        == []
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"auction": FIELDS["bids"]["auction"], "at": FIELDS["bids"]["at"]}, "price"),
        ({**FIELDS["bids"], "price": {"type": "string"}}, "price"),
        ({**FIELDS["bids"], "batch": {"type": "string"}}, "batch"),
    ],
)
def test_what_silver_cannot_follow_is_refused_at_any_level(fields, said):
    (found, *_) = objections(DECLARED, SNAPSHOT, "bids-value", proposed("bids", fields))

    assert said in found and "hurts the lake" in found
    with pytest.raises(IncompatibleError, match="not LAKE-compatible"):
        judge_of(DECLARED)(SNAPSHOT, "bids-value", proposed("bids", fields))


def test_subjects_that_no_stream_reads_are_free():
    assert objections(DECLARED, SNAPSHOT, "other-value", proposed("bids", {})) == []
    assert objections(DECLARED, SNAPSHOT, "bids-key", proposed("bids", {})) == []


def key(kind):
    return propose(Draft(subject="bids-key", format=SchemaFormat.AVRO, body=json.dumps(kind)), lambda _: None)


def test_a_declared_stream_keeps_its_key():
    first = key("long")
    text = Text(id=9, guid=UUID(int=9), sha256=first.sha256, format=first.format, body=first.body)
    keyed = Version(subject="bids-key", version=1, text=text, state=VersionState.PUBLISHED)
    snapshot = Snapshot(texts={}, subjects={"bids-key": (keyed,)}, settings=SNAPSHOT.settings)

    assert objections(DECLARED, SNAPSHOT, "bids-key", first) == []
    assert objections(DECLARED, snapshot, "bids-key", first) == []
    assert objections(DECLARED, snapshot, "strangers-key", key("string")) == []
    (found,) = objections(DECLARED, snapshot, "bids-key", key("string"))
    assert "version 1" in found and "deduplicates by the key" in found
