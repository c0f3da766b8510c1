"""`make test` on 2 cores: under ten minutes, twice in a row and in two clones at once; the house tool is clean."""

import os
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from analytics_platform_tests.proofs.report import ROOT, Report

MINUTES_AT_MOST = 10
COMMAND_SECONDS = 3000
HOUSE = ROOT.parent / "shared" / "tools" / "house"  # beside a developer's clone; the project does not need it
# A finding of the house tool that is meant: the place, and why.
BROAD = "except" + " Exception"  # in two parts, or the tool would find it here
EXPLAINED = {
    (
        "analytics_platform/definitions/sensors.py",
        BROAD,
    ): "the planner's outermost loop: one pipeline's trouble must not stop the others; it is logged whole",
}


def prove(report: Report) -> None:
    """Clone twice, install, test twice in a row in one, then in both at once."""
    with tempfile.TemporaryDirectory(prefix="live5-") as place:
        clones = [_clone(report, Path(place) / name) for name in ("one", "two")]
        for attempt in ("first", "second"):
            report.step(f"make test, {attempt} time")
            _judge(report, f"{attempt} run", _test(clones[0]), MINUTES_AT_MOST * 60)
        report.step("make test in both clones at once")
        with ThreadPoolExecutor(2) as pool:
            for clone, outcome in zip(clones, pool.map(_test, clones), strict=True):
                _judge(report, f"clone {clone.name}, both at once", outcome, None)
    _house(report)


def _clone(report: Report, target: Path) -> Path:
    report.step(f"git clone, make install: {target.name}")
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    _make(target, "install")
    return target


def _test(clone: Path) -> tuple[float, int, str]:
    began = time.monotonic()
    done = _make(clone, "test", check=False)
    return time.monotonic() - began, done.returncode, done.stdout


def _make(clone: Path, target: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AP_", "PYTEST", "MAKE"))}
    return subprocess.run(
        ["make", target],
        cwd=clone,
        env={name: value for name, value in inherited.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "MFLAGS")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=check,
    )


def _judge(report: Report, name: str, outcome: tuple[float, int, str], limit: float | None) -> None:
    seconds, code, said = outcome
    counts = re.findall(r"(\d+) (passed|failed|error|skipped)", said)
    found = {kind: int(count) for count, kind in counts}
    report.figure(name, {"seconds": round(seconds, 1), **found})
    failed = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    report.claim(f"{name}: passes {failed or ''}", code == 0 and found.get("passed", 0) > 0 and not failed)
    report.claim(f"{name}: skips nothing", "skipped" not in found)
    if limit is not None:
        report.claim(f"{name}: under {limit / 60:.0f} minutes", seconds < limit)


def _house(report: Report) -> None:
    if not HOUSE.exists():
        report.step("the house tool is not beside this clone: not run")
        return
    lines = subprocess.run([str(HOUSE), str(ROOT)], capture_output=True, text=True, check=True).stdout.splitlines()
    findings = [line for line in lines[1:] if line]
    why = {finding: EXPLAINED.get((finding.partition(":")[0], finding.rpartition(": ")[2])) for finding in findings}
    for finding, explanation in why.items():
        report.figure(finding, explanation or "not explained")
    report.figure("house", lines[0])
    unexplained = [finding for finding, explanation in why.items() if explanation is None]
    report.claim(f"the house tool is clean, or each finding is explained {unexplained or ''}", not unexplained)
