"""Which small files to fold into one, so that a table of a million commits stays a few hundred files. Pure.

Files fall into tiers by size. When a tier holds enough of them, its oldest are folded into one file of the next tier:
each row is rewritten about twice in its life, whatever the table's age.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from analytics_platform.lake.shapes import DataFile
from analytics_platform.product import Grain, Window

TIERS = (1 << 20, 16 << 20)  # upper bounds in bytes; a file beyond the last is left alone
FILES_PER_FOLD = 32
MOST_WAITING = 3 * FILES_PER_FOLD  # in a tier while a backlog is drained: what is late goes first
MOST_BYTES = 2 * TIERS[-1]  # of one fold, compressed; it is sorted in memory, where rows take about ten times that


def files_to_fold(
    files: Sequence[DataFile], before: Any, column: str = "batch", at_least: int = FILES_PER_FOLD
) -> list[DataFile]:
    """The files to fold into one now, oldest first; empty if there is nothing worth it.

    Args:
        files: a table's files, each bounded by `column`.
        before: the first batch, or instant, that may still be rewritten; only files wholly before it are taken.
        column: what says which rows are older.
        at_least: how many files of a tier make it worth it.
    """
    settled = sorted((f for f in files if f.high[column] < before), key=lambda f: f.low[column])
    lower = 0
    for upper in TIERS:
        tier = [file for file in settled if lower <= file.size < upper]
        if len(tier) >= at_least:
            return _oldest(tier[:FILES_PER_FOLD])
        lower = upper
    return []


def passes_with_time(grain: Grain) -> bool:
    """Whether time leaves grains behind, which then change no more: only such models are folded."""
    return isinstance(grain, Window) or grain.life is not None


def files_of_model_to_fold(files: Sequence[DataFile], column: str) -> list[DataFile]:
    """The first half of a model's small files, by grain, once there are many: time has left them behind.

    One that is touched again after all is cut into small files by that commit.
    """
    small = sorted((f for f in files if f.size < TIERS[0] and f.low[column] is not None), key=lambda f: f.low[column])
    return small[:FILES_PER_FOLD] if len(small) >= 2 * FILES_PER_FOLD else []


def _oldest(files: Sequence[DataFile]) -> list[DataFile]:
    """As many of the oldest as may be held in memory at once, but at least two."""
    sizes = accumulate(file.size for file in files)
    return [
        file for index, (file, total) in enumerate(zip(files, sizes, strict=True)) if index < 2 or total <= MOST_BYTES
    ]


def files_begun(files: Sequence[DataFile], column: str, keep_from: Any) -> list[DataFile]:
    """The files of whose values of `column` some lie before `keep_from`."""
    return [file for file in files if file.low[column] is not None and file.low[column] < keep_from]
