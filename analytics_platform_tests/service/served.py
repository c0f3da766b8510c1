"""A registry for tests: a git repository, a database and the real HTTP server, in this process."""

import json
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import uvicorn

from analytics_platform.local.ports import free_port
from analytics_platform.security.roles import Role
from analytics_platform.service.app import application
from analytics_platform.service.registry import ServedRegistry
from analytics_platform_tests.service.tokens import issued

START_SECONDS = 30.0
JSON = "application/vnd.schemaregistry.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    type: str
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A registry that answers on a port of this machine."""

    port: int
    folder: Path
    registry: ServedRegistry
    token: str = field(default="", repr=False)  # shown where a request says nothing else

    @property
    def url(self) -> str:
        """With the token, as stock clients take it."""
        return f"http://x:{self.token}@127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, content: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request; bytes are sent as they are, anything else as JSON. Without headers it shows the token."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        try:
            shown = {"Authorization": f"Bearer {self.token}"} if headers is None and self.token else {}
            connection.request(method, path, body, {"Content-Type": JSON, **shown, **(headers or {})})
            response = connection.getresponse()
            text = response.read()
            return Answer(
                status=response.status,
                type=response.getheader("content-type", ""),
                body=json.loads(text) if text else None,
            )
        finally:
            connection.close()

    def register(self, subject: str, schema: Any, **more: Any) -> Answer:
        return self.ask("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema), **more})


def git(folder: Path, *command: str) -> str:
    """Run git there."""
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout


def repository(folder: Path) -> Path:
    """A new repository with an empty folder of schemas in it, which is returned."""
    schemas = folder / "schemas"
    schemas.mkdir(parents=True)
    (folder / "README").write_text("a project\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "start")
    return schemas


@contextmanager
def serving(dsn: str, folder: Path, *, commits: bool = True) -> Generator[Served]:
    """A served registry over that database and folder of schemas."""
    registry = ServedRegistry(dsn, folder, folder.parent / "patches", commits=commits)
    port = free_port(0)
    server = uvicorn.Server(
        uvicorn.Config(application(registry), host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    registry.start()
    thread.start()
    served = Served(port=port, folder=folder, registry=registry)
    try:
        _wait(served)
        yield replace(served, token=issued(registry, "tester", roles=frozenset({Role.ADMIN})))
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        registry.stop()


def _wait(served: Served) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if served.ask("GET", "/health").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError("the registry does not answer")
