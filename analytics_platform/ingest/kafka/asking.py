"""Asks a broker over a connection that is open: whether it speaks Kafka, and takes a password.

By hand, since kafka-python loses an answer that is followed by the end of the connection, as every refusal is.
"""

import socket
import struct
import time

from kafka.net.sasl.scram import ScramClient

from analytics_platform.security.cluster import MECHANISM

HANDSHAKE, API_VERSIONS, AUTHENTICATE = 17, 18, 36  # api keys
NO_ERROR, AUTHENTICATION_FAILED = 0, 58


class Asking:
    """A connection, and requests over it one after the other; raises OSError, and EOFError where it ends.

    All answers together have the time that the connection gives one: a broker that trickles is no reason to wait.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + (connection.gettimeout() or 0.0)

    def speaks_kafka(self) -> bool:
        """Whether the broker answers what every version of it understands."""
        return self._ask(API_VERSIONS, 0)[0] == NO_ERROR

    def refuses(self, user: str, password: str) -> bool:
        """Whether it says that it knows no such user with this password; False where it takes it, or says else."""
        if self._ask(HANDSHAKE, 1, struct.pack(">h", len(MECHANISM)) + MECHANISM.encode())[0] != NO_ERROR:
            return False
        scram = ScramClient(user, password, MECHANISM)
        code, challenge = self._show(scram.first_message())
        if code == NO_ERROR:
            scram.process_server_first_message(challenge)
            code, _ = self._show(scram.final_message())
        return code == AUTHENTICATION_FAILED

    def _show(self, token: bytes) -> tuple[int, bytes]:
        """The error code for a token, and the token that it is answered with."""
        code, rest = self._ask(AUTHENTICATE, 1, struct.pack(">i", len(token)) + token)
        message_bytes = max(struct.unpack_from(">h", rest)[0], 0)
        answer = rest[2 + message_bytes :]
        return code, answer[4 : 4 + max(struct.unpack_from(">i", answer)[0], 0)]

    def _ask(self, key: int, version: int, body: bytes = b"") -> tuple[int, bytes]:
        """The error code that a request is answered with, and what follows it."""
        request = struct.pack(">hhih", key, version, 1, -1) + body
        self._connection.sendall(struct.pack(">i", len(request)) + request)
        length, correlation, code = struct.unpack(">iih", self._read(10))
        if correlation != 1 or not 6 <= length <= 1 << 20:
            raise EOFError  # whatever it is, it is no broker
        return code, self._read(length - 6)

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            self._connection.settimeout(max(self._deadline - time.monotonic(), 0.001))
            more = self._connection.recv(count - len(found))
            if not more:
                raise EOFError
            found += more
        return found
