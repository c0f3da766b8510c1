"""The draft of a stream's declaration and schema, from a sample of its topic. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import OffsetRange, PartitionOffsets, Schema, SchemaFormat, StreamSchemas
from analytics_platform.ingest import infer_choices
from analytics_platform.ingest.decode import TAKEN, decode, reader_columns
from analytics_platform.ingest.infer_choices import Decoded
from analytics_platform.ingest.infer_json import infer_json, schema_text
from analytics_platform.ingest.wire import MAGIC_ID, PREFIX_BYTES
from analytics_platform.product import Encoding, Stream

MOSTLY = 0.9  # of the values, before the sample is called JSON or Confluent's wire format
MOST_SCHEMAS = 50
DRAFT_ID = 1  # stands for the schema's id until it has one
NO_GUID = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Records of a topic, as RECORDS_SCHEMA; `known` are the schemas that the registry has, by id."""

    topic: str
    topic_id: UUID
    partitions: int
    records: pa.Table
    known: Mapping[int, Schema]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A declaration with its schema, by setting why it is so, and what could not be inferred."""

    stream: Stream
    format: SchemaFormat
    schema_text: str
    schema_ids: tuple[int, ...]
    records: int
    why: Mapping[str, str]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """How the values are written, with the schema that fits them."""

    encoding: Encoding
    ids: tuple[int, ...]
    format: SchemaFormat
    text: str
    why: str
    unknown: tuple[str, ...] = ()


def newest_ranges(offsets: Sequence[PartitionOffsets], records: int) -> tuple[OffsetRange, ...]:
    """The newest offsets of all partitions, about equally many of each, `records` at most."""
    left, ranges = records, []
    ordered = sorted(offsets, key=lambda o: o.stable_end - o.first)
    for place, o in enumerate(ordered):
        start = max(o.first, o.stable_end - -(-left // (len(ordered) - place)))
        left -= o.stable_end - start
        if start < o.stable_end:
            ranges.append(OffsetRange(topic_id=o.topic_id, partition=o.partition, start=start, end=o.stable_end))
    return tuple(ranges)


def draft_stream(named: Stream, sample: Sample) -> Draft:
    """What the sample says of the stream that is `named`: its name, topic, pipeline, description and owner.

    Raises DeclarationError where no schema can be inferred: no records, bare Avro, ids of schemas nobody knows.
    """
    values = _values(sample)
    stream = replace(named, encoding=values.encoding, partitions=sample.partitions)
    decoded, unfit = _decode(stream, values, sample)
    identity, event_time = infer_choices.identity(decoded), infer_choices.event_time(decoded)
    key, rules = infer_choices.key(decoded), infer_choices.rules(decoded, _required(values))
    chosen = replace(stream, identity=identity.value, event_time=event_time.value, key=key.value, rules=rules.value)
    return Draft(
        stream=chosen,
        format=values.format,
        schema_text=values.text,
        schema_ids=values.ids,
        records=sample.records.num_rows,
        why={
            "encoding": values.why,
            "identity": identity.why,
            "event_time": event_time.why,
            "key": key.why,
            "rules": rules.why,
            "partitions": "as many as the topic has",
        },
        unknown=(*values.unknown, *unfit),
    )


def _values(sample: Sample) -> _Values:
    where, bodies = f"topic {sample.topic}", [v for v in sample.records["value"].to_pylist() if v is not None]
    if not bodies:
        raise DeclarationError(where, "holds no record with a value", "produce some, or declare the stream by hand")
    ids = [int.from_bytes(b[1:PREFIX_BYTES], "big") for b in bodies if len(b) >= PREFIX_BYTES and b[0] == MAGIC_ID]
    distinct = tuple(sorted(set(ids)))
    is_confluent = len(ids) >= MOSTLY * len(bodies) and len(distinct) <= MOST_SCHEMAS
    prefix = PREFIX_BYTES if is_confluent else 0
    documents = [d for body in bodies if (d := _document(body[prefix:])) is not None]
    is_json = len(documents) >= MOSTLY * len(bodies)
    if is_confluent and (not is_json or _are_known(sample, distinct, SchemaFormat.JSON)):
        return _known_values(sample, distinct, len(ids), len(bodies))
    if is_json:
        return _json_values(sample, documents, len(bodies), distinct if is_confluent else ())
    problem = f"{len(documents)} of {len(bodies)} values are JSON objects, {len(ids)} begin with a schema id"
    remedy = "if they are bare Avro, which cannot be inferred, take the producer's schema and encoding=Encoding.AVRO"
    raise DeclarationError(where, problem, remedy)


def _json_values(sample: Sample, documents: Sequence[dict[str, Any]], values: int, ids: tuple[int, ...]) -> _Values:
    found = infer_json(documents, TAKEN)
    if found is None:
        problem = "the names in its documents differ so much that they are data, not columns"
        raise DeclarationError(f"topic {sample.topic}", problem, "write its schema by hand")
    title = {"$schema": "http://json-schema.org/draft-07/schema#", "title": sample.topic}
    unknown = [f"field {path}: {why}; it is left out, and stays in bronze" for path, why in found.left_out.items()]
    if found.nameless:
        unknown.append(f"{found.nameless} fields have names that look like data; they are left out, and stay in bronze")
    unknown += _several(ids)
    if strangers := [id_ for id_ in ids if id_ in sample.known]:
        unknown.append(f"schema id {_listed(strangers)} is another schema's in ids.lock: is there another registry?")
    written = f"behind schema id {_listed(ids)}" if ids else "without headers of a schema or a schema id"
    return _Values(
        encoding=Encoding.CONFLUENT if ids else Encoding.JSON,
        ids=ids,
        format=SchemaFormat.JSON,
        text=schema_text({**title, **found.source}) + "\n",
        why=f"{len(documents):,} of {values:,} values are JSON objects, {written}",
        unknown=tuple(unknown),
    )


def _known_values(sample: Sample, ids: tuple[int, ...], found: int, values: int) -> _Values:
    if not _are_known(sample, ids, SchemaFormat.AVRO) and not _are_known(sample, ids, SchemaFormat.JSON):
        problem = f"values are no JSON and written with schema id {_listed(ids)}, which ids.lock does not have for Avro"
        remedy = "Avro cannot be inferred: add the producer's schemas with these ids (docs/add-a-stream.md)"
        raise DeclarationError(f"topic {sample.topic}", problem, remedy)
    newest = sample.known[ids[-1]]
    return _Values(
        encoding=Encoding.CONFLUENT,
        ids=ids,
        format=newest.format,
        text=newest.text,
        why=f"{found:,} of {values:,} values begin with schema id {_listed(ids)}",
        unknown=(
            f"the schema is that of {newest.subject} version {newest.version}, which has id {newest.id}",
            *_several(ids),
        ),
    )


def _are_known(sample: Sample, ids: Sequence[int], format_: SchemaFormat) -> bool:
    """Whether the registry has all of these schemas, in that language."""
    return all(id_ in sample.known and sample.known[id_].format is format_ for id_ in ids)


def _several(ids: Sequence[int]) -> list[str]:
    text = f"values are written with schema ids {_listed(ids)}: the draft is for the last, add a version for each other"
    return [text] if len(ids) > 1 else []


def _decode(stream: Stream, values: _Values, sample: Sample) -> tuple[Decoded, list[str]]:
    """The records that the drafted schema can read, and why it cannot read the others."""
    ids = values.ids or (DRAFT_ID,)
    schemas = {id_: _schema(stream, values, id_) for id_ in ids}
    reader = schemas[ids[-1]]
    writers = {id_: sample.known[id_] if values.format is SchemaFormat.AVRO else schemas[id_] for id_ in ids}
    decoded = decode(
        sample.records, stream, StreamSchemas(stream=stream.name, reader=reader, writers=writers), sample.topic_id
    )
    is_good = pc.call_function("is_null", [decoded["reason"]])
    reasons = pc.call_function("value_counts", [decoded["reason"].drop_null()]).to_pylist()
    names = reader_columns(reader).names
    good = Decoded(
        stream=stream,
        topic_id=sample.topic_id,
        records=sample.records.filter(is_good),
        values=decoded.select(names).filter(is_good),
    )
    return good, [f"{each['counts']:,} records do not fit: {each['values']}" for each in reasons]


def _schema(stream: Stream, values: _Values, id_: int) -> Schema:
    subject = f"{stream.name}-value"
    return Schema(id=id_, guid=NO_GUID, subject=subject, version=1, format=values.format, text=values.text)


def _required(values: _Values) -> list[str]:
    source = json.loads(values.text)
    return list(source.get("required", ())) if values.format is SchemaFormat.JSON else []


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(str(id_) for id_ in ids)
