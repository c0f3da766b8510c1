"""Protection before a record leaves its producer: broker, network and bronze see what is protected. Pure but for keys.

Texts that are tokenised, masked or encrypted, bodies that cannot be read, and keys and headers that nobody declared; of
texts that are to be dropped a token leaves. Landing finds that this has been done, and does the rest: tokens of whole
numbers, and what is dropped.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.protect import Rules, protect
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import Stream
from analytics_platform.product.privacy import FieldRule, SchemaRules, Treatment
from analytics_platform.security.privacy.keys import KeyProvider
from analytics_platform.security.privacy.protector import Protector


class AtSource:
    """Wraps a producer's serializer: `producer.produce(topic, value=at_source.value(serializer(event)))`."""

    def __init__(
        self,
        stream: Stream,
        schemas: StreamSchemas,
        rules: Rules,
        keys: KeyProvider,
        now: Callable[[], datetime],
    ) -> None:
        self._stream, self._schemas, self._keys, self._now = stream, schemas, keys, now
        self._rules = {id_: _texts_of(own) for id_, own in rules.items()}

    def value(self, body: bytes) -> bytes:
        """A serialized value as it may leave; a tombstone needs no protection."""
        _, values = self.columns(pa.nulls(1, pa.binary()), pa.array([body], pa.binary()))
        return values[0].as_py()

    def columns(self, keys: pa.BinaryArray, values: pa.BinaryArray) -> tuple[pa.BinaryArray, pa.BinaryArray]:
        """Keys and values of records whose headers are all declared, as they may leave."""
        count = len(values)
        columns = {
            "partition": pa.repeat(pa.scalar(0, pa.int32()), count),
            "offset": pa.repeat(pa.scalar(0, pa.int64()), count),
            "broker_at": pa.repeat(pa.scalar(self._now(), RECORDS_SCHEMA.field("broker_at").type), count),
            "key": keys,
            "value": values,
            "headers": pa.array([[]] * count, RECORDS_SCHEMA.field("headers").type),
        }
        left = self.records(pa.table(columns, schema=RECORDS_SCHEMA))
        return left["key"].combine_chunks(), left["value"].combine_chunks()

    def records(self, records: pa.Table) -> pa.Table:
        """Whole records (RECORDS_SCHEMA) as they may leave; coordinates do not matter."""
        protector = Protector(self._keys, self._stream.name, f"{self._now():%Y%m%d}")
        return protect(records, self._stream, self._schemas, self._rules, protector)


def _texts_of(rules: SchemaRules) -> SchemaRules:
    """Of the rules of a version, those for texts; the field of one that is dropped must be there until it is landed."""
    texts = [rule for rule in rules.fields if rule.is_text]
    return replace(rules, fields=tuple(_token_if_dropped(rule) for rule in texts))


def _token_if_dropped(rule: FieldRule) -> FieldRule:
    return replace(rule, treatment=Treatment.TOKENISE) if rule.treatment is Treatment.DROP else rule
