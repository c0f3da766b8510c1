"""Counting down to the hit at which something shall happen, whichever threads count."""

import threading


class Countdown:
    """So many hits to go."""

    def __init__(self, hits: int) -> None:
        self._lock, self._left = threading.Lock(), hits

    def is_the_one(self) -> bool:
        """Count one more hit; whether it is the one that was waited for. Never, if none was to be."""
        with self._lock:
            self._left -= 1
            return self._left == 0
