"""Which files of a model's table a recompute replaces, and how the new ones are cut. Pure.

Files are sorted by grain and of bounded rows, so that a commit rewrites the neighbourhood of its grains and nothing
else, whatever the table's age. One small neighbour rides along: a table does not pile up small files.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from analytics_platform.lake.fingerprint import row_hashes
from analytics_platform.lake.prune import files_with_any
from analytics_platform.lake.shapes import DataFile

ROWS_PER_FILE = 2_000  # what each commit may have to rewrite; cold files are folded into larger ones by upkeep


def files_rewritten(files: Sequence[DataFile], column: str, grains: Sequence[Any]) -> list[DataFile]:
    """The files that can hold rows of those grains (ascending), and the small one before the last of them, if any."""
    touched = files_with_any(files, column, grains)
    paths = {file.path for file in touched}
    before = [f for f in files if f.path not in paths and f.low[column] is not None and f.low[column] < grains[-1]]
    rider = max(before, key=lambda file: (file.low[column], file.path), default=None)
    if rider is not None and rider.rows <= ROWS_PER_FILE // 2:
        touched = [*touched, rider]
    return touched


def parts_of(rows: pa.Table, column: str, kept: Sequence[DataFile]) -> list[pa.Table]:
    """The rows sorted by grain and cut into files: none spans a file that is kept, none has more than its share."""
    ordered = rows.sort_by(column)
    lows = [file.low[column] for file in kept if file.low[column] is not None]
    starts = pa.array(lows, ordered.schema.field(column).type).to_numpy(zero_copy_only=False)
    cuts = {0, ordered.num_rows, *np.searchsorted(ordered[column].to_numpy(), starts).tolist()}
    return [part for a, b in pairwise(sorted(cuts)) for part in _even(ordered.slice(a, b - a))]


def _even(rows: pa.Table) -> list[pa.Table]:
    count = -(-rows.num_rows // ROWS_PER_FILE)
    places = [rows.num_rows * place // count for place in range(count + 1)] if count else []
    return [rows.slice(a, b - a) for a, b in pairwise(places)]


def changed_rows(before: pa.Table, after: pa.Table) -> pa.Table:
    """The rows of either that the other has not, or not as often."""
    old, new = row_hashes(before), row_hashes(after)
    _, places = np.unique(np.concatenate([old, new]), return_inverse=True)
    counts = [np.bincount(part, minlength=len(places)) for part in (places[: len(old)], places[len(old) :])]
    differs = counts[0] != counts[1]
    gone, come = differs[places[: len(old)]], differs[places[len(old) :]]
    return pa.concat_tables([before.filter(pa.array(gone)), after.filter(pa.array(come))])
