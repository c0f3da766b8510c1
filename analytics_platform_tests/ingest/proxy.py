"""A TCP proxy that is slow on purpose: it delays and trickles what the broker answers, or takes no connection."""

import socket
import threading
from contextlib import suppress

STEPS_PER_SECOND = 20
TAKEN_AT_ONCE = 1 << 16
AT_ONCE = 1 << 40


class SlowProxy:
    """Listens on a free port and passes bytes on; the answers as slowly as it is told, from one moment to the next."""

    def __init__(self):
        self.upstream = 0
        self.bytes_per_second = AT_ONCE
        self.delay_seconds = 0.0
        self._closed = threading.Event()
        self._open = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closed.set()
        for held in [self._server, *self._open]:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()

    def _accept(self):
        while not self._closed.is_set():
            try:
                client = self._server.accept()[0]
                broker = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                continue
            self._open |= {client, broker}
            threading.Thread(target=self._pass_on, args=(client, broker, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(broker, client, True), daemon=True).start()

    def _pass_on(self, source, target, is_answer):
        with suppress(OSError):
            while data := source.recv(TAKEN_AT_ONCE):
                if is_answer:
                    self._trickle(target, data)
                else:
                    target.sendall(data)
        for held in (source, target):
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def _trickle(self, target, data):
        self._closed.wait(self.delay_seconds)
        while data:
            size = min(len(data), max(1, self.bytes_per_second // STEPS_PER_SECOND))
            target.sendall(data[:size])
            data = data[size:]
            self._closed.wait(size / self.bytes_per_second if data else 0)
