"""Which files can hold what is looked for, by the bounds each file records. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from analytics_platform.lake.shapes import DataFile


def files_of_batch(files: Sequence[DataFile], batch: int) -> list[DataFile]:
    """The files that hold rows of that batch."""
    return [file for file in files if file.low["batch"] <= batch <= file.high["batch"]]


def files_with_any(files: Sequence[DataFile], column: str, wanted: Sequence[Any]) -> list[DataFile]:
    """The files whose bounds of `column` span at least one of the wanted values, which are sorted ascending."""
    return [file for file in files if _spans(file.low[column], file.high[column], wanted)]


def files_overlapping(files: Sequence[DataFile], column: str, spans: Sequence[tuple[Any, Any]]) -> list[DataFile]:
    """The files whose bounds of `column` overlap at least one half-open span; spans are sorted and disjoint."""
    starts, ends = [span[0] for span in spans], [span[1] for span in spans]
    return [file for file in files if _overlaps(file.low[column], file.high[column], starts, ends)]


def _spans(low: Any, high: Any, wanted: Sequence[Any]) -> bool:
    if low is None:  # no bound recorded: only nulls, or unknown; never wrong to read it
        return True
    return bisect_left(wanted, low) < bisect_right(wanted, high)


def _overlaps(low: Any, high: Any, starts: Sequence[Any], ends: Sequence[Any]) -> bool:
    if low is None:
        return True
    return bisect_right(starts, high) > bisect_right(ends, low)
