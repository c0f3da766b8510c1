"""The parent of warm workers: one thread that has imported everything, calls nothing of it, and forks.

A forked child inherits one thread only: any lock that another thread held would stay locked for ever in the child, and
libraries with pools of their own refuse to work there. So nothing here may start a thread, and readiness asserts it.
"""

import gc
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics_platform.definitions.warm import nursery as state
from analytics_platform.definitions.warm.child import Prepare, report_death, wait_and_execute
from analytics_platform.definitions.warm.code import Seen, look
from analytics_platform.definitions.warm.marks import Marks, marks_beside
from analytics_platform.definitions.warm.nursery import Nursery
from analytics_platform.definitions.warm.protocol import listen, say
from analytics_platform.errors import ForkUnsafeError

log = logging.getLogger(__name__)
ENDINGS = (signal.SIGTERM, signal.SIGINT)
TURN_SECONDS = 0.5
LOOK_SECONDS = 2.0  # between two looks at the code on disk
SAY_SECONDS = 1.0  # to a client that does not speak or listen
STOP_SECONDS = 4.0  # for runs to end where they are


@dataclass(slots=True)
class Parent:
    """The loop and what it holds. `again` are the arguments with which new code is started in our place."""

    path: Path
    listener: socket.socket
    prepare: Prepare
    folders: tuple[Path, ...]
    again: tuple[str, ...]
    nursery: Nursery
    seen: Seen = frozenset()
    looked_at: float = 0.0
    control: socket.socket | None = None  # to the child that waits
    references: dict[str, str] = field(default_factory=dict)  # by run, its Dagster instance
    trial: int | None = None  # the process that tries to import new code
    is_stopping: bool = False
    marks: Marks = field(init=False)
    wakeup: tuple[socket.socket, socket.socket] = field(init=False)

    def __post_init__(self) -> None:
        self.marks = marks_beside(self.path)
        self.wakeup = socket.socketpair()
        for end in self.wakeup:
            end.setblocking(False)

    def serve(self) -> None:
        """Until SIGTERM. Raises ForkUnsafeError when something has started a thread."""
        require_one_thread()
        self.seen = look(self.folders)
        signal.set_wakeup_fd(self.wakeup[1].fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _only_wake)
        for number in ENDINGS:
            signal.signal(number, self._stop)
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page that it looks at
        selector = selectors.PollSelector()  # it has no descriptor that children would share
        selector.register(self.listener, selectors.EVENT_READ, self._answer)
        selector.register(self.wakeup[0], selectors.EVENT_READ, self._drain)
        log.info("warm.ready", extra={"pid": os.getpid(), "running": len(self.nursery.running)})
        while not self.is_stopping:
            self._tend()
            for key, _ in selector.select(TURN_SECONDS):
                key.data()
        self._end_all()

    def _tend(self) -> None:
        self._reap()
        now = time.monotonic()
        if state.is_stale(self.nursery, now):
            self._retire()
        if state.is_fork_due(self.nursery, now):
            self._fork_idle()
        if now - self.looked_at > LOOK_SECONDS:
            self.looked_at = now
            self._look_at_code()

    def _answer(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(SAY_SECONDS)
            try:
                question = listen(connection)
                answers: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
                    "launch": self._launch,
                    "report": self._report,
                }
                say(connection, answers[question["op"]](question))
            except (OSError, ValueError, KeyError) as error:
                log.warning("warm.unanswered", extra={"reason": f"{type(error).__name__}: {error}"})

    def _launch(self, question: dict[str, Any]) -> dict[str, Any]:
        run_id = question["run_id"]
        if self.nursery.is_full:
            return {"refused": f"{len(self.nursery.running)} runs are at work, which is the most it takes"}
        mark = self.marks.claim(run_id)
        if mark is None:
            return {"refused": f"run {run_id} was launched before"}
        try:
            return {"pid": self._hand_over(run_id, question["instance"], mark)}
        finally:
            os.close(mark)

    def _hand_over(self, run_id: str, instance: str, mark: int) -> int:
        """Give the run to the child that waits; to a new one where none does, or it has died."""
        for _ in range(2):
            if self.nursery.idle is None or self.control is None:
                self._fork_idle()
            pid, control = self.nursery.idle, self.control
            assert pid is not None and control is not None
            os.ftruncate(mark, 0)
            os.pwrite(mark, str(pid).encode(), 0)  # first: who ends the run at once must find who has it
            try:
                socket.send_fds(control, [b"\0"], [mark])
                say(control, {"run_id": run_id, "instance": instance})
            except OSError:
                self._retire()
                continue
            control.close()
            self.control, self.references[run_id] = None, instance
            self.nursery = state.handed_over(self.nursery, run_id, time.monotonic())
            return pid
        self.marks.remove(run_id)
        raise ConnectionError("two children died before they took a run")

    def _report(self, _: dict[str, Any]) -> dict[str, Any]:
        idle = {"idle": self.nursery.idle} if self.nursery.idle else {}
        children = {str(pid): run_id for pid, run_id in self.nursery.running.items()}
        return {"pid": os.getpid(), "running": children, **idle}

    def _fork_idle(self) -> None:
        ours, theirs = socket.socketpair()
        pid = self._fork(lambda: wait_and_execute(theirs, self.prepare), ours)
        theirs.close()
        self.control, self.nursery = ours, state.with_idle(self.nursery, pid, time.monotonic())

    def _fork(self, live: Callable[[], int], *ours: socket.socket) -> int:
        """Fork; the child has nothing of ours open and never comes back."""
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # a child takes them only when it can say that it was ended
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
            return pid
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self.listener, *self.wakeup, *ours, *([self.control] if self.control else [])):
                end.close()
            code = live()
        except BaseException:
            log.exception("warm.child")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # not sys.exit: the parent's own endings are not ours

    def _retire(self) -> None:
        """Tell the child that waits to go."""
        if self.control is not None:
            self.control.close()
        self.control, self.nursery = None, state.without_idle(self.nursery, time.monotonic())

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._buried(pid, os.waitstatus_to_exitcode(status))

    def _buried(self, pid: int, code: int) -> None:
        if pid == self.trial:
            self.trial = None
            self._judge_code(code)
            return
        if pid == self.nursery.idle:
            log.warning("warm.idle_died", extra={"pid": pid, "code": code})
            self._retire()
        self.nursery, run_id = state.ended(self.nursery, pid, time.monotonic())
        if run_id is None:
            return
        reference = self.references.pop(run_id, None)
        if code in (0, 1) or reference is None:
            self.marks.remove(run_id)
        else:
            how = f"(process {pid}) was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            log.warning("warm.killed", extra={"run": run_id, "pid": pid, "code": code})
            self._fork(lambda: report_death(run_id, reference, how))

    def _look_at_code(self) -> None:
        """Try new code in a process of its own; a fault in it must not take the working parent away."""
        self.marks.sweep()
        if self.trial is None and (seen := look(self.folders)) != self.seen:
            self.seen = seen
            self.trial = subprocess.Popen([sys.executable, *self.again, "--trial"], stdin=subprocess.DEVNULL).pid

    def _judge_code(self, code: int) -> None:
        if code:
            log.error("warm.code_refused", extra={"reason": "the new code cannot be imported; the old one goes on"})
        elif look(self.folders) == self.seen:  # else it is still being written
            self._become_new()

    def _become_new(self) -> None:
        """Start the new code in our place: the same process, so that children, socket and supervisor stay."""
        log.info("warm.new_code", extra={"running": len(self.nursery.running)})
        self._retire()
        self.listener.set_inheritable(True)
        inherited = [f"--listener={self.listener.fileno()}"]
        for pid, run_id in self.nursery.running.items():
            inherited.append(f"--child={pid}={run_id}={self.references[run_id]}")
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *self.again, *inherited])

    def _stop(self, *_: object) -> None:
        self.is_stopping = True

    def _drain(self) -> None:
        self.wakeup[0].recv(4096)

    def _end_all(self) -> None:
        self._retire()
        self.listener.close()
        for pid in self.nursery.running:
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while self.nursery.running and time.monotonic() < deadline:
            self._reap()
            signal.sigtimedwait([signal.SIGUSR2], 0.02)
        self.path.unlink(missing_ok=True)


def require_one_thread() -> None:
    """Raises ForkUnsafeError unless the kernel counts exactly one thread: Python does not know native ones."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    if len(names) != 1:
        raise ForkUnsafeError(names)


def _only_wake(*_: object) -> None:
    """The wake-up descriptor has been written to."""
