"""Parquet files on disk: how they are written, whether they are there, and whether they hold what their names say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.shapes import DataFile, TableShape, hashed

# Columns whose values repeat: a dictionary pays there and costs elsewhere.
REPETITIVE = {
    "batch",
    "partition",
    "schema_id",
    "outcome",
    "reason",
    "channel",
    "state",
    "city",
    "headers.list.element.key",
}
LOOKED_UP_ROWS = 32_768  # of a group: what finding one row reads; half of that writes 15% dearer, all in one reads 10x
SCATTERED = {"payload_hash"}  # whole numbers without any order, which differences do not make smaller


class Fault(StrEnum):
    """What may be wrong with a file, from what is seen at once to what only reading it shows."""

    MISSING = "missing"
    CUT = "of another size"
    UNREADABLE = "unreadable"
    CHANGED = "of other content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file of a table that cannot be relied on."""

    file: DataFile
    fault: Fault


def damaged(root: Path, files: Iterable[DataFile], *, deep: bool = False) -> list[Damage]:
    """The files under `root` that are missing or of another size; deep: that are not what was written either."""
    found = [(file, _fault(root / file.path, file, deep)) for file in files]
    return [Damage(file=file, fault=fault) for file, fault in found if fault]


def write_rows(rows: pa.Table, path: Path, shape: TableShape) -> None:
    """Write a file of the shape's table; statistics are kept of the columns that it bounds, and cost CPU elsewhere."""
    kinds = {field.name: field.type for field in rows.schema}
    leaves = [*kinds, *(f"{name}.list.element.key" for name in kinds if name == "headers")]
    numbers = [name for name in kinds.keys() - REPETITIVE - SCATTERED if _is_whole(kinds[name])]
    pq.write_table(
        rows,
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in leaves if name in REPETITIVE],
        column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        write_statistics=list(shape.bounded_by),
        row_group_size=LOOKED_UP_ROWS if shape.is_looked_up else None,
    )


def read_in_turn(paths: Sequence[str], columns: pa.Schema) -> pa.Table:
    """Every row of those files, one after the other; columns that a file does not have yet are null.

    Raises OSError or ArrowException where a file cannot be read.
    """
    if not paths:
        return columns.empty_table()
    return pq.read_table(list(paths), schema=columns, partitioning=None)


def _is_whole(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or kind in (pa.int32(), pa.int64())


def content_of(path: str) -> str:
    """The fingerprint that a file's name carries: part-<fingerprint>-<unique>.parquet."""
    return Path(path).name.split("-")[1]


def _fault(path: Path, file: DataFile, deep: bool) -> Fault | None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Fault.MISSING
    if size != file.size:
        return Fault.CUT
    return _deep_fault(path, file) if deep else None


def _deep_fault(path: Path, file: DataFile) -> Fault | None:
    """By its rows: a flipped bit in a page is found by Parquet, or else by the fingerprint in the name."""
    try:
        rows = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException):
        return Fault.UNREADABLE
    is_whole = rows.num_rows == file.rows and f"{fingerprint(hashed(rows)):016x}" == content_of(file.path)
    return None if is_whole else Fault.CHANGED
