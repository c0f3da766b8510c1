"""Waiting for something that nobody announces: another process, a file, a lock."""

import threading
import time
from collections.abc import Callable

NEVER = threading.Event()


def pause(seconds: float) -> None:
    """Let some time pass."""
    NEVER.wait(seconds)


def wait_until(reached: Callable[[], bool], seconds: float, *, every: float = 0.05) -> bool:
    """Ask until it is so; whether it was within that time."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        pause(every)
    return True
