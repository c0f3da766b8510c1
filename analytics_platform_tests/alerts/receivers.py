"""Somebody who gets alerts: in memory, and over HTTP."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from analytics_platform.errors import UnreachableError


@dataclass(slots=True)
class FakeDestination:
    """Keeps what it was told; may be down."""

    name: str = "fake"
    repeats: timedelta | None = None
    is_up: bool = True
    told: list = field(default_factory=list)
    beats: int = 0

    def send(self, alerts, now):
        if not self.is_up:
            raise UnreachableError(self.name, "memory", "stopped", "start it")
        self.told += [(alert.key, alert.is_firing(now), dict(alert.annotations)) for alert in alerts]

    def beat(self, now):
        self.beats += 1


@dataclass(slots=True)
class Received:
    """Requests as they came: path, headers, body."""

    url: str
    requests: list = field(default_factory=list)
    status: int = 200

    def bodies(self):
        return [json.loads(body) for _, _, body in self.requests]


@contextmanager
def http_receiver() -> Generator[Received]:
    """An HTTP server on a free port that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((self.path, dict(self.headers), body))
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
