"""How small a table is kept: files that wait to be folded, log entries and files that nobody needs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics_platform.lake.fold import FILES_PER_FOLD, MOST_WAITING, TIERS
from analytics_platform.lake.shapes import DataFile

MOST_SMALL = MOST_WAITING + FILES_PER_FOLD  # open batches, and one cycle, may add some
MOST_DEAD = 2_000  # entries of a log that no kept cut needs: a lease of ten minutes with three commits a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a table is made of. `small_files` is None where files are bounded by rows and never folded.

    `dead_entries` of the log, and `unread_files` on disk, are those that no cut and no reader needs any more.
    """

    table: str
    files: int
    bytes: int
    small_files: int | None
    log_entries: int
    dead_entries: int
    unread_files: int

    def problems(self) -> list[str]:
        """What upkeep has left undone, in words; none if it keeps up."""
        found = []
        if self.small_files is not None and self.small_files > MOST_SMALL:
            found.append(f"{self.small_files} small files wait to be folded, {MOST_SMALL} at most should")
        if self.dead_entries > MOST_DEAD:
            found.append(f"{self.dead_entries} entries of its log that nobody needs, {MOST_DEAD} at most should be")
        if self.unread_files:
            found.append(f"{self.unread_files} files that nobody has needed for hours are still there")
        return found

    def figures(self) -> Mapping[str, int]:
        """All of it as names and numbers."""
        known = {
            "files": self.files,
            "bytes": self.bytes,
            "small files": self.small_files,
            "log entries": self.log_entries,
            "log entries nobody needs": self.dead_entries,
            "files nobody needs": self.unread_files,
        }
        return {name: number for name, number in known.items() if number is not None}


def small(files: list[DataFile]) -> int:
    """How many of the files are of a size that is folded."""
    return sum(file.size < TIERS[-1] for file in files)
