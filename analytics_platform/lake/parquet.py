"""Parquet files on disk: whether they are there, and whether they hold what their names say."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.shapes import DataFile, hashed


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
