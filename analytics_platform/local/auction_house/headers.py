"""The headers of an event: `event_id` (UUIDv7, RFC 9562) and `traceparent` (W3C Trace Context). Pure."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_platform.ingest.encode_batch import binary_array
from analytics_platform.local.auction_house.chance import Bits, Chance, Longs

Bytes = NDArray[np.uint8]
HEX = np.array([int.from_bytes(f"{byte:02x}".encode(), "little") for byte in range(256)], np.dtype("<u2"))
DASH = ord("-")
UUID_BYTES, TRACEPARENT_BYTES = 36, 55


def event_ids(numbers: Longs, times_ms: Longs, chance: Chance) -> pa.BinaryArray:
    """UUIDv7 text: 48 bits of the event's time, then 74 that depend on seed and number."""
    high = times_ms.astype(np.uint64) << np.uint64(16) | np.uint64(0x7000)
    high |= chance.bits("id high", numbers) & np.uint64(0x0FFF)
    low = chance.bits("id low", numbers) >> np.uint64(2) | np.uint64(1 << 63)
    digits = _hex(high, low)
    text = np.empty((len(numbers), UUID_BYTES), np.uint8)
    text[:, [8, 13, 18, 23]] = DASH
    for start, first, last in ((0, 0, 8), (9, 8, 12), (14, 12, 16), (19, 16, 20), (24, 20, 32)):
        text[:, start : start + last - first] = digits[:, first:last]
    return _column(text)


def traceparents(numbers: Longs, chance: Chance) -> pa.BinaryArray:
    """Version 00, a trace and a span of each event's own, sampled."""
    text = np.empty((len(numbers), TRACEPARENT_BYTES), np.uint8)
    text[:, :3] = np.frombuffer(b"00-", np.uint8)
    text[:, 3:35] = _hex(chance.bits("trace high", numbers), chance.bits("trace low", numbers))
    text[:, 35] = DASH
    text[:, 36:52] = _hex(chance.bits("span", numbers))
    text[:, 52:] = np.frombuffer(b"-01", np.uint8)
    return _column(text)


def _hex(*words: Bits) -> Bytes:
    """Hexadecimal digits of each row's words, shape (n, 16 per word)."""
    raw = np.stack(words, axis=1).astype(">u8").view(np.uint8)
    return HEX[raw].view(np.uint8)


def _column(text: Bytes) -> pa.BinaryArray:
    rows, width = text.shape
    return binary_array(text, np.full(rows, width, np.int64))
