"""Fetched records as bronze may hold them: personal values replaced, what is not understood sealed. Pure but for keys.

Everything that is not known to be harmless is made unreadable: bodies that cannot be read whole, keys that are not
the value of a field that stays, headers that nobody declared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import Schema, StreamSchemas
from analytics_platform.ingest.avro_spans import understand_avro
from analytics_platform.ingest.decode import groups_of, plan_for
from analytics_platform.ingest.identity import TRACE_HEADER
from analytics_platform.ingest.json_spans import understand_json
from analytics_platform.ingest.json_text import JsonPlan
from analytics_platform.ingest.protectable import Understood
from analytics_platform.ingest.protected_schema import without
from analytics_platform.ingest.records import RECORDS_SCHEMA, int_array
from analytics_platform.ingest.wire import SCHEMA_HEADER, written_as
from analytics_platform.product import FromHeader, Stream
from analytics_platform.product.privacy import SchemaRules
from analytics_platform.security.privacy.protector import Protector

PLAIN_ID = r"^[0-9A-Za-z_.:+-]{1,64}$"  # what an identity or a time looks like, and no name or address does
TRACE = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
SCHEMA_ID = r"^(?s:\x00.{4}|\x01.{16})$"
Rules = Mapping[int, SchemaRules]  # by schema id


@dataclass(frozen=True, slots=True)
class _Values:
    """The new value of each record; the value of its declared key as it was and is now, null where not known."""

    bodies: pa.BinaryArray
    clear_keys: pa.BinaryArray
    new_keys: pa.BinaryArray


def protect(records: pa.Table, stream: Stream, schemas: StreamSchemas, rules: Rules, protector: Protector) -> pa.Table:
    """The records, each where it was: value, key and headers as they may be kept. A tombstone stays one."""
    records = records.select(RECORDS_SCHEMA.names).cast(RECORDS_SCHEMA)
    values = _protected_values(records, stream, schemas, rules, protector)
    keys = _protected_keys(records["key"].combine_chunks(), values, protector)
    headers = protected_headers(records["headers"].combine_chunks(), stream, protector)
    new = {"key": keys, "value": values.bodies, "headers": headers}
    return pa.table({name: new.get(name, records[name]) for name in RECORDS_SCHEMA.names}, schema=RECORDS_SCHEMA)


def _protected_values(
    records: pa.Table, stream: Stream, schemas: StreamSchemas, rules: Rules, protector: Protector
) -> _Values:
    bodies = records["value"].combine_chunks()
    parts, rows = [_Values(*[pa.array([], pa.binary())] * 3)], [np.zeros(0, np.int64)]
    for group in groups_of(written_as(records, stream.encoding, schemas)):
        writer = schemas.writers.get(group.schema_id, schemas.reader)
        own = rules[writer.id]
        chosen = bodies.take(int_array(group.rows))
        for found in _understood(chosen, group.skip, writer, own, stream.key):
            new = protector.treat(own, found.values)
            clear, now = (
                _texts(values.get(stream.key), len(found.rows)) for values in (found.values, {**found.values, **new})
            )
            parts.append(_Values(found.rebuilt(new), clear, now))
            rows.append(group.rows[found.rows])
    left = np.delete(np.arange(len(bodies)), np.concatenate(rows))
    unknown = _texts(None, len(left))
    parts.append(_Values(protector.seal(bodies.take(int_array(left))), unknown, unknown))
    order = int_array(np.argsort(np.concatenate([*rows, left])))
    columns = ([part.bodies for part in parts], [part.clear_keys for part in parts], [part.new_keys for part in parts])
    return _Values(*(pa.concat_arrays(column).take(order) for column in columns))


def _understood(
    bodies: pa.BinaryArray, skip: int, writer: Schema, rules: SchemaRules, key: str | None
) -> Iterator[Understood]:
    wanted = list(dict.fromkeys([*rules.names, *(name for name in (rules.subject, key) if name)]))
    plan = plan_for(writer, writer)
    if isinstance(plan, JsonPlan):
        return understand_json(bodies, skip, plan, wanted)
    return understand_avro(bodies, skip, plan, without(writer, rules.dropped), wanted)


def _texts(values: pa.Array | None, rows: int) -> pa.BinaryArray:
    return pa.nulls(rows, pa.binary()) if values is None else values.cast(pa.string()).cast(pa.binary())


def _protected_keys(keys: pa.BinaryArray, values: _Values, protector: Protector) -> pa.BinaryArray:
    """A key that is the text of its declared field becomes what that does; any other is a token."""
    is_known = pc.and_(pc.equal(keys, values.clear_keys), pc.is_valid(values.new_keys))
    found = pc.if_else(pc.fill_null(is_known, False), values.new_keys, pa.scalar(None, pa.binary()))
    if found.null_count == keys.null_count:
        return found
    return pc.coalesce(found, protector.tokens(keys))


def protected_headers(headers: pa.ListArray, stream: Stream, protector: Protector) -> pa.ListArray:
    """Headers that the platform reads stay where they look as they should; of all others name and value are tokens."""
    flat = headers.flatten()
    names, values = flat.field("key"), flat.field("value")
    is_declared, is_plain = np.zeros(len(flat), np.bool_), np.asarray(pc.is_null(values))
    for name, form in _declared(stream).items():
        own = np.flatnonzero(pc.equal(names, name).to_numpy(zero_copy_only=False))
        is_declared[own] = True
        is_plain[own] |= np.asarray(pc.match_substring_regex(values.take(int_array(own)), form).fill_null(False))
    if not is_declared.all():
        names = pc.if_else(pa.array(is_declared), names, protector.tokens(names.cast(pa.binary())).cast(pa.string()))
    if not (is_plain & is_declared).all():
        values = pc.if_else(pa.array(is_plain & is_declared), values, protector.tokens(values))
    pairs = pa.StructArray.from_arrays([names, values], fields=list(RECORDS_SCHEMA.field("headers").type.value_type))
    offsets = pc.subtract(headers.offsets, headers.offsets[0])
    return pa.ListArray.from_arrays(offsets, pairs, type=RECORDS_SCHEMA.field("headers").type)


def _declared(stream: Stream) -> dict[str, str]:
    """The headers that the platform reads, and how their values look."""
    named = [source.name for source in (stream.identity, stream.event_time) if isinstance(source, FromHeader)]
    return {TRACE_HEADER: TRACE, SCHEMA_HEADER: SCHEMA_ID, **dict.fromkeys(named, PLAIN_ID)}
