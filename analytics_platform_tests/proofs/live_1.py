"""A fresh clone, HOME and every cache empty: `make up` to the first gold row, cold and warm, then `make test`."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from analytics_platform_tests.proofs.report import ROOT, Report

VENV_MB_AT_MOST = 1300
GOLD_SECONDS_AT_MOST = 60
UP_SECONDS_AT_MOST = 900
TEST_SECONDS_AT_MOST = 1800
STOP_SECONDS_AT_MOST = 30
NETWORK = {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"}
KEPT = {"PATH", "LANG", "TERM", "PYENV_ROOT", *NETWORK}  # PYENV_ROOT: where a machine's Pythons may be, no cache
INSTALLED, GOLD = "starting in", "first gold"


@dataclass(slots=True)
class Start:
    """What one `make up` said, and when: seconds since it was typed."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def prove(report: Report) -> None:
    """Clone, up, down, up again, down, test; nothing but PATH and the package clients' own settings is inherited."""
    with tempfile.TemporaryDirectory(prefix="live1-") as place:
        home, clone = Path(place) / "home", Path(place) / "clone"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = _environment(home)
        cold = _up(report, clone, environment, "cold")
        _sizes(report, clone, home)
        warm = _up(report, clone, environment, "warm")
        for name, start in (("cold", cold), ("warm", warm)):
            seconds = start.seconds[GOLD] - start.seconds[INSTALLED]
            report.figure(f"{name}_installed_to_first_gold_seconds", round(seconds, 1))
            report.claim(
                f"{name}: first gold within {GOLD_SECONDS_AT_MOST} s of installed", seconds <= GOLD_SECONDS_AT_MOST
            )
        _test(report, clone, environment)


def _environment(home: Path) -> dict[str, str]:
    """An empty HOME and no cache of anybody's; the machine's PATH, and how its network is reached."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("PIP_")}
    kept.pop("PIP_CACHE_DIR", None)
    return {**kept, "HOME": str(home)}


def _up(report: Report, clone: Path, environment: dict[str, str], name: str) -> Start:
    report.step(f"make up, {name}: until the first gold row is on screen")
    with _typed(clone, environment) as process:
        start = _watch(process)
        report.claim(f"{name}: a gold row came on screen", GOLD in start.seconds)
        for mark, seconds in start.seconds.items():
            report.figure(f"{name}_seconds_to: {mark}", round(seconds, 1))
        report.say("\n".join(f"           | {line}" for line in start.lines if "http://" in line or GOLD in line))
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does
        process.wait(STOP_SECONDS_AT_MOST)
        assert process.stdout is not None
        said = process.stdout.read()
    report.figure(f"{name}_seconds_to_stop", round(time.monotonic() - began, 1))
    report.claim(f"{name}: Ctrl-C ends it in order", "stopped; `ap up` goes on from here" in said)
    left = _marked(clone)
    if left:
        report.say(said)
    report.claim(f"{name}: Ctrl-C leaves no process behind {left or ''}", not left)
    return start


@contextmanager
def _typed(clone: Path, environment: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        ["make", "up"],
        cwd=clone,
        env=environment,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _watch(process: subprocess.Popen[str]) -> Start:
    """Read what it says until gold, its end, or the time is up."""
    start, began = Start(), time.monotonic()
    assert process.stdout is not None
    for line in process.stdout:
        start.lines.append(line.rstrip())
        for mark in (INSTALLED, "postgres", "broker", "code-server", "webserver", GOLD):
            if mark in line and mark not in start.seconds:
                start.seconds[mark] = time.monotonic() - began
        if GOLD in start.seconds or time.monotonic() - began > UP_SECONDS_AT_MOST:
            return start
    raise RuntimeError("make up ended: " + "\n".join(start.lines[-20:]))


def _marked(clone: Path) -> list[int]:
    """Processes that carry this instance's mark in their environment."""
    mark = f"AP_INSTANCE={clone / '.state'}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def _sizes(report: Report, clone: Path, home: Path) -> None:
    places = {"venv": clone / ".venv", "jars": clone / ".state" / "jars", "state": clone / ".state", "home": home}
    sizes = {name: _megabytes(path) for name, path in places.items()}
    report.figure("megabytes", sizes)
    report.claim(f".venv is at most {VENV_MB_AT_MOST} MB", 0 < sizes["venv"] <= VENV_MB_AT_MOST)
    stray = [
        path.name for path in home.iterdir() if path.name not in (".cache", ".rustup")
    ]  # pip asks a rustc that is on PATH
    report.claim(f"nothing but the package client's cache is written to HOME {stray or ''}", not stray)


def _megabytes(folder: Path) -> int:
    done = subprocess.run(
        ["du", "--summarize", "--block-size=1000000", str(folder)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[0])


def _test(report: Report, clone: Path, environment: dict[str, str]) -> None:
    report.step("make test")
    began = time.monotonic()
    done = subprocess.run(
        ["make", "test"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS_AT_MOST,
        check=False,
    )
    report.figure("make_test_seconds", round(time.monotonic() - began, 1))
    passed = re.search(r"(\d+) passed", done.stdout)
    report.figure("tests_passed", int(passed.group(1)) if passed else 0)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    report.claim(f"make test passes {failed or ''}", done.returncode == 0 and passed is not None)
