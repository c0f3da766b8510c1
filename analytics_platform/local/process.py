"""Starts, watches and stops the processes of one machine, by pid and start time.

A part is recorded in a file beside its log, so that a later start can tell a live process from a stale number.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analytics_platform.errors import LocalError
from analytics_platform.settings import personal_variables

POLL_SECONDS = 0.03
LOG_LIMIT_BYTES = 20_000_000  # a part's log is set aside once, at a start, when it has grown beyond this
TAIL_BYTES = 2_000
PORTS_TRIED = 200


def _nothing() -> None:
    """Nothing has to be put right before a start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process that belongs to an instance, and how to tell that it serves.

    `env` is added to our own environment, or is the whole of it when `inherits` is false; `before` puts right what
    an unclean end left behind, and runs at every launch.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    log: Path
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    inherits: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    before: Callable[[], None] = _nothing

    @property
    def pid_file(self) -> Path:
        """Where the running process is recorded: beside the log."""
        return self.log.with_name(f"{self.name}.pid")


def launch(part: Part) -> subprocess.Popen[bytes]:
    """Start the part in a session of its own, so that Ctrl-C in the terminal reaches only the supervisor.

    Raises LocalError if it already runs.
    """
    if running := find_running(part):
        raise LocalError(part.name, f"already runs as process {running}", "stop it first: `ap down`")
    part.before()
    part.cwd.mkdir(parents=True, exist_ok=True)
    part.log.parent.mkdir(parents=True, exist_ok=True)
    if part.log.exists() and part.log.stat().st_size > LOG_LIMIT_BYTES:
        part.log.replace(part.log.with_name(part.log.name + ".1"))
    # passed on to the child as it is; no setting is read from it here
    environment = {**os.environ, **part.env} if part.inherits else dict(part.env)
    for name in personal_variables():  # a token of whoever typed `ap up` is nobody else's
        environment.pop(name, None)
    with part.log.open("ab") as log:
        popen = _popen(part, environment, log.fileno())
    _record(part.pid_file, popen.pid)
    return popen


def wait_ready(popen: subprocess.Popen[bytes], part: Part, timeout: float) -> None:
    """Return once the part serves; raises LocalError, with the end of its log, if it dies or takes too long."""
    deadline = time.monotonic() + timeout
    while not part.ready():
        if time.monotonic() > deadline:
            raise LocalError(part.name, f"not ready after {timeout:.0f} s: {tail(part.log)}", f"see {part.log}")
        try:
            code = popen.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        raise LocalError(part.name, f"ended with code {code} while starting: {tail(part.log)}", f"see {part.log}")


def stop(popen: subprocess.Popen[bytes], part: Part, timeout: float) -> int:
    """Ask our child to end, then end its whole group; returns its exit code."""
    if popen.poll() is None:
        _signal(popen.pid, part.stop_signal)
    try:
        popen.wait(timeout)
    except subprocess.TimeoutExpired:
        _signal_group(popen.pid, signal.SIGKILL)
    part.pid_file.unlink(missing_ok=True)
    return popen.wait()


def stop_orphan(part: Part, timeout: float) -> bool:
    """End a part that an earlier supervisor left running; returns whether there was one."""
    pid = find_running(part)
    if pid is not None:
        started = start_time(pid)
        _signal(pid, part.stop_signal)
        if not _wait_gone({pid: started}, timeout):
            _signal_group(pid, signal.SIGKILL)
            _wait_gone({pid: started}, timeout)
    part.pid_file.unlink(missing_ok=True)
    return pid is not None


def find_running(part: Part) -> int | None:
    """The pid recorded for this part, if that very process is still alive."""
    try:
        record = json.loads(part.pid_file.read_text())
        pid, started = record["pid"], record["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never started, or the record was cut short: then its `before` finds what is left
    return pid if start_time(pid) == started else None


def start_time(pid: int) -> str | None:
    """When the process started, as boot id and clock ticks: with the pid, unique. None if it is gone or a zombie."""
    try:
        # the command's name may hold spaces and brackets: fields are counted from the last bracket
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"


def end_processes_in(folder: Path, *, executable: str, gentle: signal.Signals, patience: float = 5.0) -> None:
    """End what runs `executable` with `folder` as its working directory: left by a start or a leader that was killed.

    Children of a killed leader usually end by themselves within a moment; only then are they killed.
    """
    left = {pid: start_time(pid) for pid in _processes_in(folder, executable)}
    if _wait_gone(left, patience / 5):
        return
    for number in (gentle, signal.SIGKILL):
        for pid, started in left.items():
            if start_time(pid) == started:
                _signal(pid, number)
        if _wait_gone(left, patience):
            return


def free_port(preferred: int, *, avoid: Collection[int] = ()) -> int:
    """The first port at or above `preferred` that nobody listens on; 0 lets the system choose."""
    for port in [0] if preferred == 0 else range(preferred, min(preferred + PORTS_TRIED, 65_536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if probe.getsockname()[1] not in avoid:
                return probe.getsockname()[1]
    raise LocalError("ports", f"none free from {preferred} on", "choose another --base-port")


def tail(log: Path) -> str:
    """The last lines of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").strip() or "(its log is empty)"
    except OSError:
        return "(it has no log)"


def package_folder(name: str) -> Path:
    """Where an installed wheel keeps its files; it is not imported. Raises LocalError if it is missing."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise LocalError(name, "is not installed", "run `make install` (extra `local`), or name a server in settings")
    return Path(spec.submodule_search_locations[0])


def _popen(part: Part, environment: Mapping[str, str], log: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            part.argv,
            env=environment,
            cwd=part.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise LocalError(part.name, f"{part.argv[0]} cannot be started: {error}", "run `make install`") from error


def _record(path: Path, pid: int) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps({"pid": pid, "started": start_time(pid)}))
    draft.replace(path)


def _processes_in(folder: Path, executable: str) -> list[int]:
    wanted, found = folder.resolve(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == wanted and (entry / "exe").readlink().name == executable:
                found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile, or somebody else's
    return found


def _wait_gone(processes: Mapping[int, str | None], timeout: float) -> bool:
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while any(started is not None and start_time(pid) == started for pid, started in processes.items()):
        if time.monotonic() > deadline:
            return False
        pause.wait(POLL_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
