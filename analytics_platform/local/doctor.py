"""What may be wrong with this machine, each with its fix: environment, Java, ports, disk, clock, stale processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from analytics_platform.errors import PlatformError
from analytics_platform.local.disk import free_percent
from analytics_platform.local.instance import load_instance, supervisor_pid
from analytics_platform.local.leftovers import find_leftovers
from analytics_platform.local.ports import answers
from analytics_platform.postgres import connect
from analytics_platform.settings import ROOT, Settings

SKEW_SECONDS = 2.0  # beyond this, freshness and hours mean little


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One look at the machine; `fix` says what to do when it is not well."""

    name: str
    is_well: bool
    what: str
    fix: str = ""


def diagnose(settings: Settings) -> list[Diagnosis]:
    """Every diagnosis, the bad ones first."""
    looks: list[Callable[[Settings], Diagnosis]] = [_python, _lock, _java, _folder, _disk, _clock, _ports, _stale]
    found = [look(settings) for look in looks]
    return sorted(found, key=lambda diagnosis: diagnosis.is_well)


def _python(_: Settings) -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    inside = sys.prefix != sys.base_prefix
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Diagnosis(
        name="python",
        is_well=inside and supported,
        what=f"Python {version} in {sys.prefix}",
        fix="make install PYTHON=python3.12, then run .venv/bin/ap",
    )


def _lock(_: Settings) -> Diagnosis:
    stamp, sources = ROOT / ".venv" / ".stamp", [ROOT / "requirements.lock", ROOT / "pyproject.toml"]
    is_new = stamp.exists() and all(stamp.stat().st_mtime >= s.stat().st_mtime for s in sources if s.exists())
    what = "installed from requirements.lock as it is now" if is_new else "requirements.lock is newer than .venv"
    return Diagnosis(name="packages", is_well=is_new, what=what, fix="make install")


def _java(_: Settings) -> Diagnosis:
    try:
        from analytics_platform.local.broker import java_executable

        said = subprocess.run([java_executable(), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (ImportError, PlatformError, OSError, subprocess.SubprocessError) as error:
        return Diagnosis(name="java", is_well=False, what=f"does not run: {error}", fix="rm -rf .venv; make install")
    return Diagnosis(name="java", is_well=True, what=said.stderr.splitlines()[0])


def _folder(settings: Settings) -> Diagnosis:
    place = settings.state_dir if settings.state_dir.exists() else settings.state_dir.parent
    writable = os.access(place, os.W_OK)
    return Diagnosis(
        name="state folder",
        is_well=writable,
        what=f"{settings.state_dir}" + ("" if writable else " cannot be written"),
        fix="chown it, or set AP_STATE_DIR to a folder of yours",
    )


def _disk(settings: Settings) -> Diagnosis:
    place = settings.state_dir if settings.state_dir.exists() else settings.state_dir.parent
    free = free_percent(place)
    return Diagnosis(
        name="disk",
        is_well=free >= settings.least_free_percent,
        what=f"{free:.1f}% free, {settings.least_free_percent:g}% needed",
        fix="free some space, or delete local data (`ap down && ap reset`); what is held goes on by itself",
    )


def _clock(settings: Settings) -> Diagnosis:
    try:
        with connect(settings.ledger_dsn, application="ap doctor") as connection:
            row = connection.execute("select clock_timestamp()").fetchone()
    except (PlatformError, psycopg.Error):
        return Diagnosis(name="clock", is_well=True, what="not compared: the ledger does not answer")
    skew = abs((datetime.now(UTC) - row[0]).total_seconds()) if row else 0.0
    what = f"{skew:.1f} s from the ledger's"
    return Diagnosis(name="clock", is_well=skew < SKEW_SECONDS, what=what, fix="timedatectl set-ntp true")


def _ports(settings: Settings) -> Diagnosis:
    """Where nothing of ours runs, a port of ours that answers is somebody else's: the next start moves."""
    instance = load_instance(settings.state_dir)
    if supervisor_pid(settings.state_dir) is not None:
        silent = [f"{name} {port}" for name, port in instance.ports.items() if not answers(port)]
        what = f"silent: {', '.join(silent)}" if silent else "all of ours answer"
        return Diagnosis(name="ports", is_well=not silent, what=what, fix="ap status; ap down && ap up")
    taken = [f"{name} {port}" for name, port in instance.ports.items() if answers(port)]
    what = f"taken by others, the next `ap up` moves on: {', '.join(taken)}" if taken else "free"
    return Diagnosis(name="ports", is_well=True, what=what)


def _stale(settings: Settings) -> Diagnosis:
    if supervisor_pid(settings.state_dir) is not None:
        return Diagnosis(name="processes", is_well=True, what="supervised")
    leftovers = find_leftovers(settings.state_dir)
    names = ", ".join(f"{leftover.part} ({leftover.pid})" for leftover in leftovers)
    what = f"left without a supervisor: {names}" if leftovers else "none left over"
    return Diagnosis(name="processes", is_well=not leftovers, what=what, fix="ap up recovers them, ap down ends them")
