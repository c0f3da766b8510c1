"""Rows with given ids, out of files that are sorted by id: only the groups of rows that can hold one are read."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_platform.lake.silver import WINNER_COLUMNS

ID = "event_id"
READ = pa.schema([pa.field("batch", pa.int64()), *WINNER_COLUMNS])

# Files younger than the last fold are small, many, and asked in every cycle. A file never changes and no other gets its
# name, so that what was read of it stays true; these are at most a few tens of MB.
SMALL_ROWS, MOST_SMALL, MOST_FOOTERS = 2_048, 256, 512


def winners(uris: Sequence[str], ids: pa.Array, batch: int) -> pa.Table:
    """WINNER_COLUMNS of the published copies of `ids`, distinct and ascending, in batches before `batch`.

    Raises OSError or ArrowException where a file cannot be read.
    """
    wanted = ids.to_pylist()
    found = pa.concat_tables([READ.empty_table(), *(_copies(uri, ids, wanted) for uri in uris)])
    return found.filter(pc.less(found["batch"], batch)).select(WINNER_COLUMNS.names).combine_chunks()


def _copies(uri: str, ids: pa.Array, wanted: Sequence[str]) -> pa.Table:
    metadata = _footer(uri)
    groups, first, end = groups_with_any(metadata, wanted)
    if not groups:
        return READ.empty_table()
    rows = _small(uri) if metadata.num_rows <= SMALL_ROWS else _groups(uri, groups)
    return rows.filter(pc.is_in(rows[ID], value_set=ids.slice(first, end - first)))


@lru_cache(maxsize=MOST_FOOTERS)
def _footer(uri: str) -> pq.FileMetaData:
    return pq.read_metadata(uri)


@lru_cache(maxsize=MOST_SMALL)
def _small(uri: str) -> pa.Table:
    return _groups(uri, range(_footer(uri).num_row_groups))


def _groups(uri: str, groups: Sequence[int]) -> pa.Table:
    with pq.ParquetFile(uri, metadata=_footer(uri)) as file:
        return file.read_row_groups(list(groups), columns=READ.names).select(READ.names).cast(READ)


def groups_with_any(metadata: pq.FileMetaData, wanted: Sequence[str]) -> tuple[list[int], int, int]:
    """The groups of rows whose bounds span one of the wanted ids (ascending), and which of these that can be: a slice.

    A group without bounds may hold any of them.
    """
    column = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == ID)
    groups, first, end = [], len(wanted), 0
    for number in range(metadata.num_row_groups):
        bounds = metadata.row_group(number).column(column).statistics
        is_bounded = bounds is not None and bounds.has_min_max
        start = bisect_left(wanted, bounds.min) if is_bounded else 0
        stop = bisect_right(wanted, bounds.max) if is_bounded else len(wanted)
        if start < stop:
            groups.append(number)
            first, end = min(first, start), max(end, stop)
    return groups, first, end
