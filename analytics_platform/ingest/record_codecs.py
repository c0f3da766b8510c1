"""Decompresses the payload of a record batch within a bound. Pure."""

from collections.abc import Iterator

import pyarrow as pa

STREAMED = {1: "gzip", 3: "lz4", 4: "zstd"}
SNAPPY, UNCOMPRESSED = 2, 0
XERIAL_MAGIC, XERIAL_HEADER_BYTES = b"\x82SNAPPY\x00", 16
LEAST_READ_BYTES = 64 << 10


def inflate(codec: int, body: memoryview, limit: int) -> bytes | memoryview:
    """The bytes behind a payload, at most `limit`; raises ValueError with what is wrong."""
    if codec == UNCOMPRESSED:
        parts: list[bytes | memoryview] = [body]
    elif codec == SNAPPY:
        parts = list(_snappy_blocks(body, limit))
    elif codec in STREAMED:
        parts = list(_streamed(STREAMED[codec], body, limit))
    else:
        raise ValueError(f"compression codec {codec} is unknown")
    if sum(len(part) for part in parts) > limit:
        raise ValueError(f"inflates to more than {limit} bytes")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _streamed(codec: str, body: memoryview, limit: int) -> Iterator[bytes]:
    room = limit + 1
    try:
        with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(body)), codec) as stream:
            while room > 0 and (part := stream.read(min(room, max(LEAST_READ_BYTES, 4 * len(body))))):
                room -= len(part)
                yield part
    except OSError as error:
        raise ValueError(f"{codec} cannot be read: {error}") from error


def _snappy_blocks(body: memoryview, limit: int) -> Iterator[bytes]:
    """Kafka knows two forms: the xerial framing of the Java client, and one bare block of others."""
    if bytes(body[: len(XERIAL_MAGIC)]) != XERIAL_MAGIC:
        yield _snappy(body, limit)
        return
    at, room = XERIAL_HEADER_BYTES, limit
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big", signed=True)
        block = body[at + 4 : at + 4 + size]
        if size <= 0 or len(block) < size:
            raise ValueError("snappy: a block is longer than the batch")
        part = _snappy(block, room)
        room -= len(part)
        at += 4 + size
        yield part


def _snappy(block: memoryview, limit: int) -> bytes:
    size = sum((byte & 127) << (7 * index) for index, byte in enumerate(_varint_bytes(block)))
    if size > limit:
        raise ValueError(f"inflates to more than {limit} bytes")
    try:
        return pa.Codec("snappy").decompress(pa.py_buffer(block), decompressed_size=size, asbytes=True)
    except OSError as error:
        raise ValueError(f"snappy cannot be read: {error}") from error


def _varint_bytes(block: memoryview) -> Iterator[int]:
    for byte in block[:5]:
        yield byte
        if byte < 128:
            return
