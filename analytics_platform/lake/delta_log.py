"""The log folder of a Delta table on disk: commits that were cut off, what killed writers left, broken checkpoints."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LOG = "_delta_log"
ASIDE = "_damaged"  # beside the log and not in it; a vacuum spares what begins with an underscore
DIGITS = 20
HINT = "_last_checkpoint"


class LogFault(StrEnum):
    """What may be wrong with a file of the log."""

    CUT_OFF = "a commit that was cut off"
    ABSENT = "a commit that is missing"
    CHECKPOINT = "a checkpoint that cannot be read"
    LEFTOVER = "what a killed writer left"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDamage:
    """A file of the log that is not what a writer wrote; `version` is None for leftovers."""

    path: Path
    fault: LogFault
    version: int | None = None


def log_damage(root: Path) -> list[LogDamage]:
    """What is wrong with the log of the table in `root`, in order of versions; leftovers last.

    Commits before the newest checkpoint that can be read are not looked at: nobody reads them.
    """
    names = sorted(path.name for path in (root / LOG).iterdir()) if (root / LOG).is_dir() else []
    broken = [d for d in _checkpoints(root, names) if d is not None]
    whole = [_version(name) for name in names if _is_checkpoint(name)]
    since = max(set(whole) - {damage.version for damage in broken}, default=-1)
    hint = _broken_hint(root, broken, names)
    leftovers = [LogDamage(path=root / LOG / name, fault=LogFault.LEFTOVER) for name in names if _is_leftover(name)]
    return [*_commits(root, names, since), *broken, *hint, *leftovers]


def cut_off(root: Path, version: int) -> int | None:
    """The newest commit that a reader of that version reads and that is not whole; None if all are.

    An empty commit, or one that ends after a whole line, is read without an error, as if its writer had written less.
    """
    for number in range(version, -1, -1):
        path = root / LOG / f"{number:0{DIGITS}}.json"
        if path.with_suffix(".checkpoint.parquet").exists():
            return None
        if path.exists() and not is_whole_commit(path.read_text(errors="replace")):
            return number
    return None


def last_version(root: Path) -> int:
    """The highest version that has a commit file, whole or not; -1 for none."""
    return max((_version(path.name) for path in (root / LOG).glob("*.json") if _is_commit(path.name)), default=-1)


def set_aside(root: Path, damage: LogDamage) -> Path:
    """Move the file out of the log, to where nobody reads it; returns where it is now."""
    folder = root / ASIDE
    folder.mkdir(exist_ok=True)
    taken = folder / damage.path.name
    copies = 0
    while taken.exists():
        copies += 1
        taken = folder / f"{damage.path.name}.{copies}"
    return damage.path.rename(taken)


def is_whole_commit(text: str) -> bool:
    """Whether a commit has all its lines: each is JSON, and a write of ours ends in the epoch of its writer."""
    try:
        actions: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        return False
    kinds = {kind for action in actions for kind in action}
    info = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    is_write = info.get("operation") == "WRITE" and "delta-rs" in str(info.get("engineInfo"))
    return bool(actions) and (not is_write or "txn" in kinds)


def _commits(root: Path, names: list[str], since: int) -> Iterator[LogDamage]:
    """Commits after version `since` that are cut off or missing."""
    found = [_version(name) for name in names if _is_commit(name) and _version(name) > since]
    for version in range(since + 1, max(found, default=since) + 1):
        path = root / LOG / f"{version:0{DIGITS}}.json"
        if not path.exists():
            yield LogDamage(path=path, fault=LogFault.ABSENT, version=version)
        elif not is_whole_commit(path.read_text(errors="replace")):
            yield LogDamage(path=path, fault=LogFault.CUT_OFF, version=version)


def _checkpoints(root: Path, names: list[str]) -> Iterator[LogDamage | None]:
    """The newest checkpoints that cannot be read, up to the first that can."""
    for name in sorted((name for name in names if _is_checkpoint(name)), reverse=True):
        try:
            pq.ParquetFile(root / LOG / name).read()
        except (OSError, pa.ArrowException):
            yield LogDamage(path=root / LOG / name, fault=LogFault.CHECKPOINT, version=_version(name))
        else:
            return


def _broken_hint(root: Path, broken: list[LogDamage], names: list[str]) -> list[LogDamage]:
    """The file that names the last checkpoint, where that one is broken or gone."""
    path = root / LOG / HINT
    if HINT not in names:
        return []
    try:
        version = json.loads(path.read_text() or "{}").get("version")
    except ValueError:
        version = None
    good = {_version(name) for name in names if _is_checkpoint(name)} - {damage.version for damage in broken}
    return [] if version in good else [LogDamage(path=path, fault=LogFault.CHECKPOINT, version=version)]


def _is_commit(name: str) -> bool:
    return name.endswith(".json") and name[:DIGITS].isdigit() and len(name) == DIGITS + len(".json")


def _is_checkpoint(name: str) -> bool:
    return name[:DIGITS].isdigit() and name.endswith(".checkpoint.parquet")


def _is_leftover(name: str) -> bool:
    """Neither commit nor checkpoint: the temporary file of a commit that was never made."""
    return not (_is_commit(name) or _is_checkpoint(name) or name == HINT or name.endswith(".crc"))


def _version(name: str) -> int:
    return int(name[:DIGITS])
