"""Ports of one instance, reserved against every other instance on this machine while it runs."""

import fcntl
import os
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from analytics_platform.local.process import free_port

HOST = "127.0.0.1"


@dataclass(slots=True)
class Reservations:
    """Ports that this process holds; each is a locked file, so that the kernel frees it when the process dies.

    Between choosing a port and the part that binds it lie seconds in which another instance may choose too.
    """

    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / f"analytics-platform-{os.getuid()}")
    held: dict[int, IO[str]] = field(default_factory=dict)

    def reserve(self, wanted: int) -> int:
        """The first port from `wanted` upwards that nobody listens on or holds; it is held from now on."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = free_port(wanted, avoid=self.held)
        while not self._hold(port):
            port = free_port(port + 1, avoid=self.held)
        return port

    def release(self) -> None:
        """Let go of every port."""
        for file in self.held.values():
            file.close()
        self.held.clear()

    def _hold(self, port: int) -> bool:
        file = (self.folder / f"{port}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self.held[port] = file
        return True


def answers(port: int, timeout: float = 0.3) -> bool:
    """Whether a connection to the port is accepted."""
    try:
        with socket.create_connection((HOST, port), timeout):
            return True
    except OSError:
        return False
