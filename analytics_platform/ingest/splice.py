"""New values in the place of some bytes of each body, all bodies at once. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics_platform.ingest.records import int_array

Longs = NDArray[np.int64]
NOTHING = pa.scalar(b"", pa.binary())


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where in the bodies' buffer a value of each row is, and what comes in its place: bytes, none null."""

    starts: Longs
    ends: Longs
    new: pa.BinaryArray | pa.Scalar


def spliced(data: pa.Buffer, starts: Longs, ends: Longs, spans: Sequence[Span]) -> pa.BinaryArray:
    """The rows from `starts` to `ends` of the buffer, with each span replaced; spans are ordered by place."""
    pieces, at = list[pa.Array | pa.Scalar](), starts
    for span in spans:
        pieces += [bytes_at(data, at, span.starts), span.new]
        at = span.ends
    return pc.binary_join_element_wise(*pieces, bytes_at(data, at, ends), NOTHING)


def bytes_at(data: pa.Buffer, starts: Longs, ends: Longs) -> pa.BinaryArray:
    """Slices of the buffer: one array over all of it, cut at every edge."""
    if not starts.size:
        return pa.array([], pa.binary())
    edges = np.empty(2 * len(starts), np.int32)
    edges[0::2], edges[1::2] = starts, ends
    cut = pa.Array.from_buffers(pa.binary(), len(edges) - 1, [None, pa.py_buffer(edges), data])
    return cut.take(int_array(np.arange(0, len(edges), 2)))


def bounds_of(bodies: pa.BinaryArray) -> tuple[Longs, Longs]:
    """Where each body begins and ends in its buffer."""
    bounds = np.frombuffer(bodies.buffers()[1], np.int32, len(bodies) + 1, 4 * bodies.offset).astype(np.int64)
    return bounds[:-1], bounds[1:]
