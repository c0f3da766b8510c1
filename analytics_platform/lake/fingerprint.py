"""Order-free content hashes of Arrow tables, stable across versions of every library. Pure.

A row's hash mixes its columns' 64-bit hashes, each seeded by the column's name; a table's fingerprint is the sum of
its rows' hashes modulo 2**64. So it depends on neither the order of rows nor how they were cut into batches, and the
fingerprints of disjoint parts add up to that of the whole. It finds differences; it is no defence against forgery.
"""

import zlib
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.text_hashes import GOLDEN, mix, text_hashes

MASK = (1 << 64) - 1
NULL_HASH = np.uint64(0x6E756C6C)
SAMPLE, FEW = 256, 16  # values looked at to find out whether a column repeats itself, and how many distinct are few
NOTHING = np.zeros(0, np.uint64)
Hashes = Mapping[str, np.ndarray]
NONE_KNOWN: Hashes = {}


def fingerprint(rows: pa.Table, known: Hashes = NONE_KNOWN) -> int:
    """The table's content hash in [0, 2**64); 0 for no rows. `known` are `column_hashes` that were taken before."""
    return int(row_hashes(rows, known).sum(dtype=np.uint64))


def add(fingerprints: Iterable[int]) -> int:
    """The fingerprint of the union of disjoint parts."""
    return sum(fingerprints) & MASK


def row_hashes(rows: pa.Table, known: Hashes = NONE_KNOWN) -> np.ndarray:
    """One uint64 a row, shape (rows,)."""
    total = np.zeros(rows.num_rows, np.uint64)
    for name in rows.column_names:
        hashes = known[name] if name in known else column_hashes(rows[name])
        total += mix(hashes ^ _seed(name))
    return mix(total)


def column_hashes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """One uint64 a value; equal values hash alike whatever the array's offsets or chunks."""
    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([NOTHING, *(column_hashes(chunk) for chunk in column.chunks)])
    hashes = _value_hashes(column)
    if column.null_count:
        hashes[np.asarray(pc.is_null(column))] = NULL_HASH
    return hashes


def _value_hashes(array: pa.Array) -> np.ndarray:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _value_hashes(array.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _variable_hashes(array)
    if pa.types.is_floating(kind):
        values = np.asarray(pc.fill_null(array.cast(pa.float64()), 0.0)) + 0.0  # -0.0 becomes 0.0
        return mix(values.view(np.uint64) + GOLDEN)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return mix(np.asarray(pc.fill_null(array.cast(pa.int64()), 0)).view(np.uint64) + GOLDEN)
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
        total += mix(column_hashes(values) ^ _seed(name))
    return mix(total)


def _list_hashes(array: pa.ListArray | pa.MapArray) -> np.ndarray:
    """Elements count by their place in the list; a list by its elements and their number."""
    bounds = np.asarray(array.offsets)
    children = column_hashes(array.values.slice(bounds[0], bounds[-1] - bounds[0]))
    starts, lengths = bounds[:-1] - bounds[0], np.diff(bounds)
    places = np.arange(len(children)) - np.repeat(starts, lengths)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mix(children + places.astype(np.uint64) * GOLDEN))])
    return mix(sums[starts + lengths] - sums[starts] + lengths.astype(np.uint64) * GOLDEN)


def _seed(name: str) -> np.uint64:
    """A column's own constant, so that equal values in other columns count differently."""
    return np.uint64(zlib.crc32(name.encode()) * int(GOLDEN) & MASK)


def _variable_hashes(array: pa.Array) -> np.ndarray:
    if _repeats(array):
        distinct = array.dictionary_encode()
        codes = np.asarray(pc.fill_null(distinct.indices, 0))
        return text_hashes(distinct.dictionary)[codes] if len(distinct.dictionary) else np.zeros(len(array), np.uint64)
    return text_hashes(array)


def _repeats(array: pa.Array) -> bool:
    """Whether its values seem to be few, so that hashing each of them once is cheaper."""
    return len(array) > 4 * SAMPLE and pc.count_distinct(array.slice(0, SAMPLE)).as_py() <= FEW
