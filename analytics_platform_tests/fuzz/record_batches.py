"""Bytes as a broker might send them: record batches that lie in header, body or codec, with the right checksum."""

import random
import struct
from collections import Counter

import pyarrow as pa

from analytics_platform.errors import MalformedBatchError, OldFormatError
from analytics_platform.ingest.record_batch import CODEC, HEADER, FetchedBytes, decode_chunks, next_offset
from analytics_platform.ingest.records import Gap
from analytics_platform_tests.fuzz.mutate import edge, mutated, noise
from analytics_platform_tests.fuzz.target import Target, WrongAnswerError
from analytics_platform_tests.ingest.batches import CODECS, batch, control, sealed

POOL = 40
COMPRESSIONS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
# place and form of what a header says: offset, length, version, attributes, last delta, times, producer, count
FIELDS = ((0, ">q"), (8, ">i"), (16, ">b"), (21, ">h"), (23, ">i"), (27, ">q"), (35, ">q"), (43, ">q"), (57, ">i"))
BOMB_BYTES = 4 << 20
TIMES = (0, 1, -1, 2**40, -(2**40))


def target(seed: int) -> Target:
    """The reader of record batches."""
    chance = random.Random(seed)
    pool = [_valid(chance, 10 * number) for number in range(POOL)]
    return Target("record batches", 1, lambda one: _feed(one, pool))


def _feed(chance: random.Random, pool: list[bytes]) -> str:
    fetched = _fetch(chance, pool)
    gaps: Counter[Gap] = Counter()
    next_offset(fetched.raw, fetched.start)
    try:
        chunks = list(decode_chunks(fetched, chance.choice((1, 100, 64 << 20)), gaps))
    except (MalformedBatchError, OldFormatError) as error:
        str(error)
        return type(error).__name__
    for chunk in chunks:
        chunk.validate(full=True)
        offsets = chunk["offset"].to_pylist()
        if not offsets or min(offsets) < fetched.start or max(offsets) >= fetched.end:
            raise WrongAnswerError(f"offsets {offsets[:3]} outside of [{fetched.start}, {fetched.end})")
    return "records" if chunks else "none"


def _fetch(chance: random.Random, pool: list[bytes]) -> FetchedBytes:
    if chance.random() < 0.05:
        raw = noise(chance)
    else:
        raws = chance.sample(pool, chance.choice((1, 1, 1, 2, 3)))
        raw = b"".join(_hostile(chance, each) if chance.random() < 0.8 else each for each in sorted(raws))
    start = chance.choice((0,) * 9 + (5, 200, 2**62))
    return FetchedBytes(
        topic="bids",
        partition=3,
        start=start,
        end=chance.choice((start + 7, start + 300, 2**62, 2**63 - 1)) if start < 2**62 else 2**63 - 1,
        raw=raw,
        aborted=tuple((chance.choice((7, -1)), chance.choice((0, 20, 2**40))) for _ in range(chance.randrange(3))),
    )


def _hostile(chance: random.Random, raw: bytes) -> bytes:
    """A batch that lies; its checksum mostly says that it does not."""
    kind = chance.random()
    if kind < 0.35:
        raw = _lying_header(chance, raw)
    elif kind < 0.75:
        raw = _lying_records(chance, raw)
    elif kind < 0.999:
        raw = raw[: HEADER.size] + mutated(chance, raw[HEADER.size :])
    else:
        raw = _bomb(chance, raw)
    sealing = chance.random()
    if sealing < 0.85:
        return sealed(raw) if len(raw) > HEADER.size else raw
    return raw if sealing < 0.95 else mutated(chance, raw)


def _lying_header(chance: random.Random, raw: bytes) -> bytes:
    for at, form in chance.sample(FIELDS, chance.choice((1, 1, 2))):
        raw = raw[:at] + edge(chance, form) + raw[at + struct.calcsize(form) :]
    return raw


def _lying_records(chance: random.Random, raw: bytes) -> bytes:
    """The records behind the codec, changed and compressed again."""
    codec, body = raw[22] & CODEC, raw[HEADER.size :]
    name = COMPRESSIONS.get(codec)
    if name is None:
        return raw[: HEADER.size] + mutated(chance, body)
    return raw[: HEADER.size] + _compressed(name, mutated(chance, _inflated(name, body)))


def _bomb(chance: random.Random, raw: bytes) -> bytes:
    """A little that inflates to much."""
    codec = chance.choice(list(COMPRESSIONS))
    count = struct.pack(">i", chance.choice((1, 1000, BOMB_BYTES // 7, 2**31 - 1)))
    zeros = bytes(BOMB_BYTES) if chance.random() < 0.5 else b"\x0c\0\0\0\1\1\0" * (BOMB_BYTES // 7)
    head = raw[:22] + bytes([codec]) + raw[23:57] + count
    return head + _compressed(COMPRESSIONS[codec], zeros)


def _compressed(name: str, body: bytes) -> bytes:
    if name == "snappy":
        return pa.Codec("snappy").compress(body, asbytes=True)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, name) as stream:
        stream.write(body)
    return sink.getvalue().to_pybytes()


def _inflated(name: str, body: bytes) -> bytes:
    if name == "snappy":
        size = sum((byte & 127) << (7 * index) for index, byte in enumerate(body[:3]) if index == 0 or body[0] > 127)
        return pa.Codec("snappy").decompress(body, decompressed_size=size, asbytes=True)
    with pa.CompressedInputStream(pa.BufferReader(body), name) as stream:
        return stream.read()


def _valid(chance: random.Random, base: int) -> bytes:
    if chance.random() < 0.1:
        return control(base, 7, commit=chance.random() < 0.5)
    records = [
        (
            chance.choice(TIMES),
            chance.choice((None, b"", b"key")),
            chance.choice((None, b"", noise(chance))),
            [(name, chance.choice((None, b"1"))) for name in chance.sample(("a", "é", "__value_schema_id"), 2)],
        )
        for _ in range(chance.choice((0, 1, 3, 9)))
    ]
    transactional = chance.random() < 0.2
    return batch(
        records, base=base, codec=chance.choice(list(CODECS)), producer=7 if transactional else -1,
        transactional=transactional,
    )  # fmt: skip
