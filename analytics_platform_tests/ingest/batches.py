"""Record batches as bytes, written by kafka-python's own builder."""

import struct

import pyarrow as pa
from crc32c import crc32c
from kafka.record.default_records import DefaultRecordBatchBuilder

from analytics_platform.ingest.record_batch import FetchedBytes

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
NOW_MS = 1_700_000_000_000


def batch(records, *, base=0, codec="none", producer=-1, transactional=False, attributes=0):
    """Bytes of one record batch; records are (milliseconds after NOW_MS, key, value, headers)."""
    compression = 0 if codec == "snappy" else CODECS[codec]
    builder = DefaultRecordBatchBuilder(2, compression, transactional, producer, 0, 0, 1 << 30)
    for delta, (at, key, value, headers) in enumerate(records):
        builder.append(delta, NOW_MS + at, key, value, headers)
    raw = bytearray(builder.build())
    if codec == "snappy":
        raw = raw[:61] + pa.Codec("snappy").compress(bytes(raw[61:]), asbytes=True)
        attributes |= CODECS["snappy"]
    struct.pack_into(">q", raw, 0, base)
    raw[22] |= attributes
    return sealed(raw)


def sealed(raw):
    """The same bytes with a length and a checksum that are right."""
    raw = bytearray(raw)
    struct.pack_into(">i", raw, 8, len(raw) - 12)
    struct.pack_into(">I", raw, 17, crc32c(bytes(raw[21:])))
    return bytes(raw)


def varint(value):
    value, out = value << 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def control(base, producer, *, commit):
    key = struct.pack(">hh", 0, 1 if commit else 0)
    return batch([(0, key, b"\0" * 6, [])], base=base, producer=producer, transactional=True, attributes=0x20)


def fetched(*raw, start=0, end=2**62, aborted=()):
    return FetchedBytes(topic="bids", partition=3, start=start, end=end, raw=b"".join(raw), aborted=aborted)
