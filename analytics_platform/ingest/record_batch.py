"""Takes apart the bytes of a fetch: checks each record batch and hands its records on to be decoded. Pure.

Format: kafka.apache.org/documentation/#recordbatch; only version 2, which brokers have written since 0.11.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from crc32c import crc32c

from analytics_platform.errors import MalformedBatchError, OldFormatError
from analytics_platform.ingest.record_codecs import inflate
from analytics_platform.ingest.record_fields import LEAST_RECORD_BYTES, PADDING, Payload, decode_records, read_varint
from analytics_platform.ingest.records import CHUNK_BYTES, RECORDS_SCHEMA, Gap

# offset, length, leader epoch, version, CRC, attributes, last delta, first and last time, producer id and epoch,
# sequence, count
HEADER = struct.Struct(">qiibIhiqqqhii")
LENGTH_FROM, CRC_FROM, VERSION_AT = 12, 21, 16
CODEC, APPEND_TIME, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20
ABORT = 0
BATCH_BYTES = 256 << 20  # decompressed; ten times what brokers accept unless told otherwise, whatever the codec
TABLE_BYTES = 512 << 20  # places within a table are 32 bits
CHUNK_RECORDS = 2_000_000  # tiny records take more memory as columns than as bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedBytes:
    """What one fetch returned of a partition, and which offsets of it are wanted: [start, end).

    `aborted` holds (producer id, first offset) of each aborted transaction that the broker named.
    """

    topic: str
    partition: int
    start: int
    end: int
    raw: bytes
    aborted: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    base_offset: int
    last_delta: int
    attributes: int
    first_ms: int
    last_ms: int
    producer_id: int
    count: int
    body: memoryview

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_delta


def next_offset(raw: bytes, position: int) -> int:
    """The offset after the last complete batch, records or not; `position` if there is none. Checks nothing."""
    at = 0
    while at + HEADER.size <= len(raw):
        base, length = struct.unpack_from(">qi", raw, at)
        (last_delta,) = struct.unpack_from(">i", raw, at + 23)
        at += LENGTH_FROM + max(length, 0)
        if at > len(raw) or raw[at - LENGTH_FROM - max(length, 0) + VERSION_AT] != 2:
            break
        position = max(position, base + last_delta + 1)
    return position


def decode_batches(fetched: FetchedBytes) -> pa.Table:
    """The wanted records of the complete batches, as RECORDS_SCHEMA in offset order; a partial last batch is left.

    Raises MalformedBatchError for bytes that are no record batches, OldFormatError if they begin with another version.
    """
    return pa.concat_tables([RECORDS_SCHEMA.empty_table(), *decode_chunks(fetched)])


def decode_chunks(
    fetched: FetchedBytes, chunk_bytes: int = CHUNK_BYTES, gaps: Counter[Gap] | None = None
) -> Iterator[pa.Table]:
    """As `decode_batches`, in tables of about `chunk_bytes` (decompressed), so that memory stays bounded.

    The wanted offsets up to the end of the complete batches that hold no record are added to `gaps`, counted from
    the batches' headers: whoever compares them with the records finds what a decoder has lost.
    """
    pending: list[Payload] = []
    size = count = 0
    for payload in _payloads(fetched, Counter() if gaps is None else gaps):
        if pending and (size + len(payload.body) > min(chunk_bytes, TABLE_BYTES) or count > CHUNK_RECORDS):
            yield from _decode(fetched, pending)
            pending, size, count = [], 0, 0
        pending.append(payload)
        size, count = size + len(payload.body), count + payload.count
    yield from _decode(fetched, pending)


def _decode(fetched: FetchedBytes, payloads: list[Payload]) -> Iterator[pa.Table]:
    table = decode_records(fetched.topic, fetched.partition, payloads)
    offsets = table["offset"].to_numpy()
    first, last = offsets.searchsorted([fetched.start, fetched.end]).tolist()
    if first < last:
        yield table.slice(first, last - first)


def _payloads(fetched: FetchedBytes, gaps: Counter[Gap]) -> Iterator[Payload]:
    """The batches that hold wanted records: no control records, nothing of an aborted transaction."""
    to_come = sorted(fetched.aborted, key=lambda transaction: transaction[1], reverse=True)
    aborting: set[int] = set()
    position = fetched.start
    for batch in _batches(fetched):
        while to_come and to_come[-1][1] <= batch.last_offset:
            aborting.add(to_come.pop()[0])
        first = min(max(batch.base_offset, position), fetched.end)
        end = max(first, min(batch.last_offset + 1, fetched.end))
        gaps[Gap.MISSING] += first - position
        position = end
        if batch.attributes & CONTROL:
            gaps[Gap.CONTROL] += end - first
            if batch.producer_id in aborting and _control_type(fetched, batch) == ABORT:
                aborting.discard(batch.producer_id)
        elif batch.attributes & TRANSACTIONAL and batch.producer_id in aborting:
            gaps[Gap.ABORTED] += end - first
        elif first < end:
            payload = _payload(fetched, batch)
            gaps[Gap.MISSING] += _missing(payload, first, end)
            yield payload


def _missing(payload: Payload, first: int, end: int) -> int:
    """How many of the batch's offsets from `first` to `end` hold no record; looks into it only if it is cut."""
    span = payload.last_delta + 1
    if payload.count == span:
        return 0
    if end - first == span:
        return span - payload.count
    return end - first - sum(first <= offset < end for offset in _offsets(payload))


def _offsets(payload: Payload) -> Iterator[int]:
    """Each record's offset, found by walking from one to the next."""
    data, at = memoryview(bytes(payload.body) + bytes(3 * PADDING)), 0
    for _ in range(payload.count):
        size, at = read_varint(data, min(at, len(payload.body)))
        _, delta_at = read_varint(data, at + 1)  # behind the attributes: the time
        delta, _ = read_varint(data, delta_at)
        yield payload.base_offset + delta
        at += max(size, 0)


def _batches(fetched: FetchedBytes) -> Iterator[_Batch]:
    raw, at, after = memoryview(fetched.raw), 0, -1
    while at + VERSION_AT < len(raw):
        if raw[at + VERSION_AT] != 2:
            if at:  # the next fetch begins with it
                return
            raise OldFormatError(fetched.topic, fetched.partition, raw[at + VERSION_AT])
        if at + HEADER.size > len(raw):
            return
        base, length, _, _, crc, attributes, last_delta, first_ms, last_ms, producer_id, _, _, count = (
            HEADER.unpack_from(raw, at)
        )
        end = at + LENGTH_FROM + length
        if end < at + HEADER.size or last_delta < 0 or base <= after:
            raise _malformed(fetched, base, "the batch's header contradicts itself or the batch before")
        if end > len(raw):
            return
        if crc32c(raw[at + CRC_FROM : end]) != crc:
            raise _malformed(fetched, base, "the checksum is wrong")
        yield _Batch(
            base_offset=base,
            last_delta=last_delta,
            attributes=attributes,
            first_ms=first_ms,
            last_ms=last_ms,
            producer_id=producer_id,
            count=count,
            body=raw[at + HEADER.size : end],
        )
        at, after = end, base + last_delta


def _payload(fetched: FetchedBytes, batch: _Batch) -> Payload:
    try:
        body = inflate(batch.attributes & CODEC, batch.body, BATCH_BYTES)
    except ValueError as error:
        raise _malformed(fetched, batch.base_offset, str(error)) from error
    if not 0 <= batch.count * LEAST_RECORD_BYTES <= len(body) or (body and not batch.count):
        raise _malformed(fetched, batch.base_offset, f"{batch.count} records do not fit {len(body)} bytes")
    return Payload(
        base_offset=batch.base_offset,
        last_delta=batch.last_delta,
        count=batch.count,
        first_ms=batch.first_ms,
        append_ms=batch.last_ms if batch.attributes & APPEND_TIME else None,
        body=body,
    )


def _control_type(fetched: FetchedBytes, batch: _Batch) -> int:
    """The type in a control record's key, which is a version and a type of 16 bits each."""
    body = _payload(fetched, batch).body
    data = memoryview(bytes(body) + bytes(PADDING + 4))
    _, at = read_varint(data, 0)
    at += 1  # attributes
    for _ in ("timestamp", "offset", "key length"):
        if at > len(body):
            raise _malformed(fetched, batch.base_offset, "the control record is cut off")
        _, at = read_varint(data, at)
    return int.from_bytes(data[at + 2 : at + 4], "big")


def _malformed(fetched: FetchedBytes, offset: int, problem: str) -> MalformedBatchError:
    return MalformedBatchError(fetched.topic, fetched.partition, offset, problem)
