"""Protections, each with what turns it off: a function of the product replaced by one that lets values through."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import pyarrow as pa

from analytics_platform.ingest import avro_spans, json_spans
from analytics_platform.ingest import protect as landing
from analytics_platform.ingest.protectable import NewValues
from analytics_platform.ingest.records import int_array
from analytics_platform.product.privacy import FieldRule, Privacy, Treatment
from analytics_platform.registry import privacy as policy
from analytics_platform.registry.fields import SchemaField
from analytics_platform.security.privacy import protector
from analytics_platform.security.privacy.protector import Protector

Off = Callable[[], AbstractContextManager[None]]
KEPT, MADE = json_spans.RowBodies._body, json_spans.RowBodies._text
TREATED, RULE = Protector._treated, policy._rule


@contextmanager
def turned(place: Any, name: str, becomes: Any) -> Generator[None]:
    """Something of the product replaced for a while."""
    before = getattr(place, name)
    setattr(place, name, becomes)
    policy.rules_of.cache_clear()
    try:
        yield
    finally:
        setattr(place, name, before)
        policy.rules_of.cache_clear()


def _lanes_as_they_are(self: Any, new: NewValues) -> pa.BinaryArray:
    return self._bodies.take(int_array(self.rows))


def _pairs_as_they_are(self: Any, new: NewValues) -> pa.BinaryArray:
    return pa.array([body.prefix + body.content.text.encode("utf-8", "replace") for body in self._found], pa.binary())


def _rows_as_they_are(self: Any, new: NewValues) -> pa.BinaryArray:
    return pa.array([prefix + self._body(value) for _, prefix, value in self._found], pa.binary())


def _with_what_no_schema_names(self: Any, place: int, body: Any, new: Mapping[str, list[Any]]) -> bytes:
    unnamed = [pair for pair in body.content.pairs if pair.name not in self._kinds]
    others = [f"{json.dumps(pair.name)}:{body.content.text_of(pair)}" for pair in unnamed]
    return (
        KEPT(self, place, body, new)[:-1] + "".join(f",{other}" for other in others).encode("utf-8", "replace") + b"}"
    )


def _text_of_any_type(self: Any, name: str, value: Any, new: Any) -> str:
    return MADE(self, name, value, new) if isinstance(value, str) else json.dumps(value)


def _kept_of_any_type(self: Any, name: str, value: Any, text: str) -> str:
    return text


def _without_dropping(self: Any, rule: FieldRule, values: pa.Array, *others: Any) -> pa.Array | None:
    return values if rule.treatment is Treatment.DROP else TREATED(self, rule, values, *others)


def _undecided_is_kept(field: SchemaField, tag: str, privacy: Privacy) -> FieldRule | None:
    return RULE(field, tag, privacy) if tag else None


def quoting(*given: Any) -> pa.Array:
    """Fails with all that it was given."""
    raise ValueError(f"cannot read {[each.to_pylist() for each in given if hasattr(each, 'to_pylist')]}")


PROTECTIONS: Mapping[str, Off] = {
    "values in JSON bodies that are alike": partial(turned, json_spans.LaneBodies, "rebuilt", _lanes_as_they_are),
    "values in other JSON bodies": partial(turned, json_spans.RowBodies, "rebuilt", _pairs_as_they_are),
    "values in Avro bodies": partial(turned, avro_spans.LaneBodies, "rebuilt", _lanes_as_they_are),
    "values in Avro bodies read one by one": partial(turned, avro_spans.RowBodies, "rebuilt", _rows_as_they_are),
    "fields that no schema names": partial(turned, json_spans.RowBodies, "_body", _with_what_no_schema_names),
    "treated values of another type": partial(turned, json_spans.RowBodies, "_text", _text_of_any_type),
    "other values of another type": partial(turned, json_spans.RowBodies, "_kept", _kept_of_any_type),
    "fields that nobody has decided about": partial(turned, policy, "_rule", _undecided_is_kept),
    "keys": partial(turned, landing, "_protected_keys", lambda keys, values, protector: keys),
    "headers": partial(turned, landing, "protected_headers", lambda headers, stream, protector: headers),
    "sealing of what cannot be read": partial(turned, Protector, "seal", lambda self, values: values),
    "tokens": partial(turned, protector, "text_tokens", lambda key, tag, values: values),
    "masks": partial(turned, protector, "mask", lambda values: values),
    "ciphers": partial(turned, protector, "encrypt", lambda values, *others: values),
    "dropping": partial(turned, Protector, "_treated", _without_dropping),
}
