"""A proof's report: its figures, what it claims, and which claims failed."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "build" / "proofs"
PACKAGES = ("dagster", "deltalake", "duckdb", "kafka-python", "pyarrow", "psycopg")


@dataclass(slots=True)
class Report:
    """What a proof did; `say` is where it tells while it goes on."""

    name: str
    say: Callable[[str], object]
    seed: int = 1
    figures: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def step(self, sentence: str) -> None:
        """Say what is done next."""
        self.say(f"{time.monotonic() - self.began:7.1f} s  {sentence}")

    def figure(self, name: str, value: Any) -> None:
        """Keep a figure, and say it."""
        self.figures[name] = value
        self.say(f"           {name} = {value}")

    def claim(self, sentence: str, holds: bool) -> None:
        """Keep whether a claim holds; one that does not makes the proof fail at its end."""
        (self.held if holds else self.failed).append(sentence)
        self.say(f"           {'holds' if holds else 'FAILS'}: {sentence}")

    def write(self) -> Path:
        """Write `build/proofs/<name>.json`."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        path.write_text(json.dumps(self._document(), indent=2, default=str) + "\n")
        return path

    def _document(self) -> dict[str, Any]:
        return {
            "proof": self.name,
            "passed": not self.failed,
            "failed": self.failed,
            "held": self.held,
            "figures": self.figures,
            "seed": self.seed,
            "seconds": round(time.monotonic() - self.began, 1),
            **circumstances(),
        }


def circumstances() -> dict[str, Any]:
    """When, where and on what something is measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_files": len(_git("status", "--porcelain").splitlines()),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), "memory_mb": _memory_mb()},
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}},
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
