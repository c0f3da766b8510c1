"""Order-free content hashes of Arrow tables, stable across versions of every library. Pure.

A row's hash mixes its columns' 64-bit hashes, each seeded by the column's name; a table's fingerprint is the sum of
its rows' hashes modulo 2**64. So it depends on neither the order of rows nor how they were cut into batches, and the
fingerprints of disjoint parts add up to that of the whole. It finds differences; it is no defence against forgery.
The mixer is SplitMix64's finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
"""

import zlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MASK = (1 << 64) - 1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
NULL_HASH = np.uint64(0x6E756C6C)
WORD = 8
BLOCK = 8192  # rows hashed together: their words stay in the processor's cache, three times faster than all at once
NOTHING = np.zeros(0, np.uint64)


def fingerprint(rows: pa.Table) -> int:
    """The table's content hash in [0, 2**64); 0 for no rows."""
    return int(row_hashes(rows).sum(dtype=np.uint64))


def add(fingerprints: Iterable[int]) -> int:
    """The fingerprint of the union of disjoint parts."""
    return sum(fingerprints) & MASK


def row_hashes(rows: pa.Table) -> np.ndarray:
    """One uint64 a row, shape (rows,)."""
    total = np.zeros(rows.num_rows, np.uint64)
    for name in rows.column_names:
        total += _mix(column_hashes(rows[name]) ^ _seed(name))
    return _mix(total)


def column_hashes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """One uint64 a value; equal values hash alike whatever the array's offsets or chunks."""
    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([NOTHING, *(column_hashes(chunk) for chunk in column.chunks)])
    hashes = _value_hashes(column)
    if column.null_count:
        hashes[np.asarray(pc.is_null(column))] = NULL_HASH
    return hashes


def byte_hashes(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Hash the slices data[start : start + length], eight bytes at a step for all slices together.

    Args:
        data: uint8, shape (bytes,).
        starts: int64, shape (n,).
        lengths: int64, shape (n,), not negative.

    Returns:
        uint64, shape (n,).
    """
    padded = np.concatenate([data, np.zeros(WORD, np.uint8)])
    words = np.ndarray(shape=(len(data) + 1,), dtype="<u8", buffer=padded.data, strides=(1,))
    blocks = [slice(at, at + BLOCK) for at in range(0, len(starts), BLOCK)]
    return np.concatenate([_block_hashes(words, starts[b], lengths[b]) for b in blocks]) if blocks else NOTHING


def _block_hashes(words: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    hashes = _mix(lengths.astype(np.uint64) + GOLDEN)
    order = np.argsort(-lengths, kind="stable")  # lanes that still have bytes stay in front
    starts, lengths, state = starts[order], lengths[order], hashes[order]
    position, active = 0, int(np.count_nonzero(lengths > 0))
    while active:
        word = _words_at(words, starts[:active] + position, lengths[:active] - position)
        state[:active] = _step(state[:active] ^ word)
        position += WORD
        active = int(np.searchsorted(-lengths[:active], -position, side="left"))
    hashes[order] = _mix(state)
    return hashes


def _words_at(words: np.ndarray, starts: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Little-endian words at those places; bytes beyond a slice's end count as zero."""
    found = words[starts]
    if left[-1] >= WORD:  # lanes are sorted: the last is the shortest
        return found
    spare = np.maximum(WORD - left, 0).astype(np.uint64) * np.uint64(8)
    return (found << spare) >> spare


def _value_hashes(array: pa.Array) -> np.ndarray:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _value_hashes(array.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _variable_hashes(array)
    if pa.types.is_floating(kind):
        values = np.asarray(pc.fill_null(array.cast(pa.float64()), 0.0)) + 0.0  # -0.0 becomes 0.0
        return _mix(values.view(np.uint64) + GOLDEN)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return _mix(np.asarray(pc.fill_null(array.cast(pa.int64()), 0)).view(np.uint64) + GOLDEN)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return _value_hashes(array.cast(width))
    if pa.types.is_struct(kind):
        return _struct_hashes(array)
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return _list_hashes(array)
    return _variable_hashes(pa.array([None if v is None else repr(v) for v in array.to_pylist()], pa.string()))


def _struct_hashes(array: pa.StructArray) -> np.ndarray:
    total = np.zeros(len(array), np.uint64)
    for name, values in zip(array.type.names, array.flatten(), strict=True):
        total += _mix(column_hashes(values) ^ _seed(name))
    return _mix(total)


def _list_hashes(array: pa.ListArray | pa.MapArray) -> np.ndarray:
    """Elements count by their place in the list; a list by its elements and their number."""
    bounds = np.asarray(array.offsets)
    children = column_hashes(array.values.slice(bounds[0], bounds[-1] - bounds[0]))
    starts, lengths = bounds[:-1] - bounds[0], np.diff(bounds)
    places = np.arange(len(children)) - np.repeat(starts, lengths)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_mix(children + places.astype(np.uint64) * GOLDEN))])
    return _mix(sums[starts + lengths] - sums[starts] + lengths.astype(np.uint64) * GOLDEN)


def _seed(name: str) -> np.uint64:
    """A column's own constant, so that equal values in other columns count differently."""
    return np.uint64(zlib.crc32(name.encode()) * int(GOLDEN) & MASK)


def _variable_hashes(array: pa.Array) -> np.ndarray:
    _, offsets, data = array.buffers()
    if not len(array):
        return NOTHING
    bounds = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    values = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    lengths = np.diff(bounds)
    if array.null_count:
        lengths = np.where(np.asarray(pc.is_null(array)), 0, lengths)
    return byte_hashes(values, bounds[:-1], lengths)


def _step(values: np.ndarray) -> np.ndarray:
    """One round for one word: cheaper than the finaliser, which closes every hash."""
    values = values * MULTIPLIER_1
    return values ^ (values >> np.uint64(29))


def _mix(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * MULTIPLIER_1
    values = (values ^ (values >> np.uint64(27))) * MULTIPLIER_2
    return values ^ (values >> np.uint64(31))
