"""The checks of schemas over a batch."""

import json
from dataclasses import replace
from uuid import UUID

import pytest

from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.product import SchemaCheck, Severity, Stream
from analytics_platform.registry.checks import LAYERS, WrittenIn, schema_checks

STREAM = Stream(name="bids", topic="bids", pipeline="p", description="", owner="team:a")
FINE = WrittenIn(rows=100, unknown=0, deprecated=0)
COLUMNS = (["a"], ["a"])


def schema(version, type_="long"):
    text = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": type_}]})
    about = {"id": version, "guid": UUID(int=version), "subject": "bids-value", "version": version}
    return Schema(**about, format=SchemaFormat.AVRO, text=text)


def failing(stream=STREAM, written=FINE, columns=COLUMNS, schemas=None):
    schemas = schemas or (schema(1),)
    known = StreamSchemas(stream="bids", reader=schemas[-1], writers={each.id: each for each in schemas})
    return {r.name: r for r in schema_checks(stream, known, written, columns) if not r.passed}


def test_a_batch_as_it_should_be_passes_each_check():
    assert failing() == {}


@pytest.mark.parametrize(
    ("check", "given"),
    [
        (SchemaCheck.KNOWN, {"written": replace(FINE, unknown=6)}),
        (SchemaCheck.DEPRECATED, {"written": replace(FINE, deprecated=1)}),
        (SchemaCheck.TABLE, {"columns": (["a", "old"], ["a"])}),
        (SchemaCheck.TABLE, {"columns": (["a"], ["a", "new"])}),
        (SchemaCheck.COMPATIBLE, {"schemas": (schema(1), schema(2, "string"))}),
    ],
)
def test_each_fault_fails_its_own_check_and_holds_the_batch_only_where_that_is_declared(check, given):
    strict = replace(STREAM, deprecated_at_most=0.0, strict_schemas=(check,))

    warned, held = failing(replace(strict, strict_schemas=()), **given), failing(strict, **given)

    assert set(warned) == set(held) == {check.value}
    assert (warned[check].severity, warned[check].stops) == (Severity.WARN, False)
    assert (held[check].severity, held[check].stops, held[check].layer) == (Severity.ERROR, True, LAYERS[check])
