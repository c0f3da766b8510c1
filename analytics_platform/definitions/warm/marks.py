"""Which process has which run: a file per run, locked while its worker lives.

The kernel frees the lock with the process, whatever killed it, so that anybody on this machine can tell without asking
the parent; and a number is signalled only while the lock says that it is still that very process.
"""

import fcntl
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

COLD = b"cold"
KEPT_SECONDS = 24 * 3600.0  # of a worker that was killed: run monitoring may come late


class Life(StrEnum):
    """What a run's mark says of its worker."""

    NONE = "none"  # no warm worker ever had the run, or it has ended in order
    COLD = "cold"  # the stock launcher has it
    ALIVE = "alive"
    GONE = "gone"  # it died without ending in order


@dataclass(frozen=True, slots=True)
class Marks:
    """The folder of marks."""

    folder: Path

    def claim(self, run_id: str) -> int | None:
        """An open, locked mark to hand to the worker; None when the run has one already."""
        mark = self._create(run_id)
        if mark is not None:
            fcntl.flock(mark, fcntl.LOCK_EX)
        return mark

    def claim_cold(self, run_id: str) -> bool:
        """Whether the stock launcher may have the run: not when a warm worker was given it meanwhile."""
        mark = self._create(run_id)
        if mark is None:
            return False
        os.write(mark, COLD)
        os.close(mark)
        return True

    def life(self, run_id: str) -> tuple[Life, int | None]:
        """Whether the run's worker lives, and its process."""
        try:
            mark = os.open(self.folder / run_id, os.O_RDONLY)
        except FileNotFoundError:
            return Life.NONE, None
        try:
            text = os.read(mark, 32)
            if text == COLD:
                return Life.COLD, None
            try:
                fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Life.ALIVE, int(text) if text.isdigit() else None
            return Life.GONE, None
        finally:
            os.close(mark)

    def interrupt(self, run_id: str) -> bool:
        """Ask the run's worker to end, as Ctrl-C would; False when it has none that lives."""
        life, pid = self.life(run_id)
        if life is not Life.ALIVE or pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        return True

    def remove(self, run_id: str) -> None:
        """Forget a run that has ended in order."""
        (self.folder / run_id).unlink(missing_ok=True)

    def sweep(self, now: float | None = None) -> None:
        """Forget what nobody asks for any more."""
        if not self.folder.exists():
            return
        oldest = (time.time() if now is None else now) - KEPT_SECONDS
        for mark in self.folder.iterdir():
            with suppress(FileNotFoundError):
                if mark.stat().st_mtime < oldest and self.life(mark.name)[0] is not Life.ALIVE:
                    mark.unlink()

    def _create(self, run_id: str) -> int | None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return os.open(self.folder / run_id, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except FileExistsError:
            return None


def marks_beside(path: Path) -> Marks:
    """The marks of the parent that listens at that path."""
    return Marks(path.with_name(path.name + ".runs"))
