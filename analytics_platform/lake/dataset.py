"""An Arrow dataset over a table's files in which those that cannot hold what is asked for are never opened.

Files form groups of neighbours, and each group says between which values its rows lie: Arrow leaves out a whole group
at once, so that a point query opens as many files in a month's table as in a day's.
"""

from collections.abc import Sequence
from functools import reduce
from operator import and_

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset, Expression, FileSystemDataset, ParquetFileFormat, UnionDataset, field, scalar
from pyarrow.fs import LocalFileSystem

FILES_PER_GROUP = 32
LOW, HIGH = "min.", "max."
IN_TIME = "batch"  # what a stream's files are neighbours by; others by the first column that they bound


def dataset_of(root: str, files: pa.Table, columns: pa.Schema) -> Dataset:
    """The rows of those files under `root`, in those columns; at least one file.

    Args:
        root: the table's folder.
        files: what the log says of each: `path`, and `min.` and `max.` of some columns, null where nothing is known.
        columns: the table's; a file may lack some, which are null then.
    """
    bounded = [name for name in columns.names if {LOW + name, HIGH + name} <= set(files.column_names)]
    fields = [columns.field(name) for name in bounded]
    if order := [name for name in (IN_TIME, *bounded) if name in bounded][:1]:
        files = files.sort_by(LOW + order[0])
    paths = [f"{root}/{path}" for path in files["path"].to_pylist()]
    system, form = LocalFileSystem(), ParquetFileFormat()
    groups = [
        FileSystemDataset.from_paths(
            paths[first : first + FILES_PER_GROUP],
            schema=columns,
            format=form,
            filesystem=system,
            root_partition=_between(fields, files.slice(first, FILES_PER_GROUP)),
        )
        for first in range(0, len(paths), FILES_PER_GROUP)
    ]
    return groups[0] if len(groups) == 1 else UnionDataset(columns, groups)


def _between(bounded: Sequence[pa.Field], group: pa.Table) -> Expression:
    """What holds of every row of the group's files; a null is never ruled out, for nobody counts them.

    One comparison at a time with its null: this is the form that Arrow draws conclusions from.
    """
    limits = [scalar(True)]
    for one in bounded:
        lows, highs = group[LOW + one.name], group[HIGH + one.name]
        if not lows.null_count and not highs.null_count:
            column = field(one.name)
            limits.append((column >= pc.min(lows).cast(one.type)) | column.is_null())
            limits.append((column <= pc.max(highs).cast(one.type)) | column.is_null())
    return reduce(and_, limits)
