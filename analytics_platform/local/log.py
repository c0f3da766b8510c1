"""Collects what an instance's processes write into one bounded JSON log per process, and reads them back.

A process writes to `logs/raw/<process>.out`, a plain file: it goes on when its supervisor dies, as it could not
with a pipe. The supervisor moves the lines into `logs/<process>.log`; the next one continues where it stopped.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform.logs import parse_line

LIMIT_BYTES = 8_000_000  # of one log file; one predecessor is kept, so a process keeps at most 16 MB
RAW_LIMIT_BYTES = 1_000_000  # raw files are emptied beyond this, once read
CHUNK_BYTES = 4_000_000  # read at once: a flood is taken in over several rounds


def log_dir(state_dir: Path) -> Path:
    """Where the JSON logs are."""
    return state_dir / "logs"


def raw_file(state_dir: Path, process: str) -> Path:
    """Where a process writes its stdout and stderr."""
    return log_dir(state_dir) / "raw" / f"{process}.out"


@dataclass(slots=True)
class Collector:
    """Moves new lines from raw files to logs."""

    state_dir: Path
    limit_bytes: int = LIMIT_BYTES
    raw_limit_bytes: int = RAW_LIMIT_BYTES
    offsets: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Continue where an earlier collector of this folder stopped."""
        self._raw_dir.mkdir(parents=True, exist_ok=True)
        if self._offsets_file.exists():
            self.offsets = json.loads(self._offsets_file.read_text())

    def collect(self) -> None:
        """Take in every complete line written since the last time."""
        before = dict(self.offsets)
        for raw in sorted(self._raw_dir.glob("*.out")):
            self._take(raw, datetime.now(UTC))
        if self.offsets != before:
            self._offsets_file.write_text(json.dumps(self.offsets))

    def write(self, entry: dict[str, Any]) -> None:
        """Append an entry of the collecting process itself."""
        self._append(str(entry["process"]), [json.dumps(entry, default=str)])

    def _take(self, raw: Path, now: datetime) -> None:
        process = raw.stem
        offset = self.offsets.get(process, 0)
        with raw.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            offset = offset if offset <= size else 0
            file.seek(offset)
            lines = file.read(CHUNK_BYTES).rpartition(b"\n")[0]
            if lines:
                self._append(process, _entries(lines.decode(errors="replace"), process, now))
                offset += len(lines) + 1
            if offset > self.raw_limit_bytes and offset == os.fstat(file.fileno()).st_size:
                file.truncate(0)  # its writers append, so that they go on at the new end
                offset = 0
        self.offsets[process] = offset

    def _append(self, process: str, lines: Iterable[str]) -> None:
        path = log_dir(self.state_dir) / f"{process}.log"
        if path.exists() and path.stat().st_size > self.limit_bytes:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a") as file:
            file.writelines(line + "\n" for line in lines)

    @property
    def _raw_dir(self) -> Path:
        return log_dir(self.state_dir) / "raw"

    @property
    def _offsets_file(self) -> Path:
        return self._raw_dir / "offsets.json"


def read_logs(state_dir: Path, *, since: datetime, process: str | None = None) -> Iterator[dict[str, Any]]:
    """The entries of all logs (or one process's) since then, oldest first."""
    found = []
    for path in sorted(log_dir(state_dir).glob(f"{process or '*'}.log*")):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) >= since:
            found.extend(_since(path, since.isoformat()))
    yield from sorted(found, key=lambda entry: entry.get("time", ""))


def matches(entry: dict[str, Any], *, batch: str | None = None, run: str | None = None) -> bool:
    """Whether an entry speaks of that batch (`7` or `bids/7`) and that run."""
    if run is not None and not str(entry.get("run", "")).startswith(run):
        return False
    if batch is None:
        return True
    named = str(entry.get("batch", ""))
    return named == batch or f"{entry.get('stream', '')}/{named}" == batch or named.endswith("/" + batch)


def last_lines(state_dir: Path, process: str, count: int) -> list[str]:
    """What the process wrote last, for an error message."""
    raw = raw_file(state_dir, process)
    return raw.read_text(errors="replace").splitlines()[-count:] if raw.exists() else []


def _since(path: Path, since: str) -> Iterator[dict[str, Any]]:
    with path.open(errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the process that wrote it was killed in the middle of a line
            if entry.get("time", "") >= since:
                yield entry


def _entries(text: str, process: str, now: datetime) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            yield json.dumps(parse_line(line, process, now), default=str, ensure_ascii=False)
