"""A copy of the project's code with a line of it broken: whatever is to notice that is run there."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analytics_platform_tests.proofs.report import ROOT, Report

IGNORED = shutil.ignore_patterns(".venv", ".state", ".git", "__pycache__", "build")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A line of the platform's code, and what stands in its place; `file` is named below `analytics_platform`."""

    name: str
    file: str
    right: str
    wrong: str


def copied_code(folder: Path) -> Path:
    """The project's code, to be broken."""
    return Path(shutil.copytree(ROOT, folder, ignore=IGNORED))


def plant(report: Report, fault: Fault, code: Path) -> str:
    """Break the line in a copy, where it must be once; returns the file as it was."""
    path = _path(fault, code)
    text = path.read_text()
    report.claim(f"the line to break is there once: {fault.file}", text.count(fault.right) == 1)
    path.write_text(text.replace(fault.right, fault.wrong))
    return text


@contextmanager
def planted(report: Report, fault: Fault, code: Path) -> Generator[None]:
    """The line is broken meanwhile."""
    report.step(f"planted: {fault.name}")
    text = plant(report, fault, code)
    try:
        yield
    finally:
        _path(fault, code).write_text(text)


def _path(fault: Fault, code: Path) -> Path:
    return code / "analytics_platform" / fault.file
