"""What the launcher and the parent say to each other: one line of JSON each way, over a Unix socket."""

import json
import os
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from analytics_platform.errors import NoWorkerError

ANSWER_SECONDS = 5.0  # a parent that has just seen new code imports it first: 2 to 3 s on two cores
MOST_BYTES = 1 << 20


def ask(path: Path, question: Mapping[str, Any], seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
    """The parent's answer. Raises NoWorkerError when it is not there, takes too long or refuses."""
    try:
        with closing(_connected(path, seconds)) as connection:
            say(connection, question)
            answer = listen(connection)
    except (OSError, ValueError) as error:
        raise NoWorkerError(str(path), f"{type(error).__name__}: {error}") from error
    if "refused" in answer:
        raise NoWorkerError(str(path), str(answer["refused"]))
    return answer


def say(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """Send a message."""
    connection.sendall(json.dumps(message).encode() + b"\n")


def listen(connection: socket.socket) -> dict[str, Any]:
    """Receive one; raises ConnectionError when the other side has gone, ValueError when it is no message."""
    received = b""
    while not received.endswith(b"\n"):
        more = connection.recv(64 << 10)
        if not more or len(received) > MOST_BYTES:
            raise ConnectionError(f"it hung up after {len(received)} bytes")
        received += more
    message = json.loads(received)
    if not isinstance(message, dict):
        raise ValueError(f"no message: {type(message).__name__}")
    return message


def listening(path: Path) -> socket.socket:
    """A socket at that path, for this user alone; one that a killed parent left there is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        _with_short_name(path, listener.bind)
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _connected(path: Path, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    try:
        _with_short_name(path, connection.connect)
    except OSError:
        connection.close()
        raise
    return connection


def _with_short_name(path: Path, use: Any) -> None:
    """A socket's name has 108 bytes and a state folder's may be longer: name it below an open folder."""
    folder = os.open(path.parent, os.O_PATH)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
