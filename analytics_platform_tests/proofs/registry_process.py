"""A registry service as a process of its own, over a database and a git repository, as proofs use it."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics_platform.local.ports import free_port
from analytics_platform.postgres import connect
from analytics_platform.security import token_store
from analytics_platform.security.roles import Role
from analytics_platform_tests.service.tokens import new_token

START_SECONDS = 120.0
TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass(slots=True, kw_only=True)
class RegistryProcess:
    """Where it keeps its things, and the process while there is one."""

    dsn: str
    schemas: Path
    state: Path
    port: int = field(default_factory=lambda: free_port(0))
    by_cli: bool = False  # as a person starts it; else by a program that can kill itself
    process: subprocess.Popen[bytes] | None = None
    token: str = field(default="", repr=False)  # an admin's, known to the database once the service has answered

    @property
    def url(self) -> str:
        """Its address, with a token as stock clients take it."""
        return f"http://x:{self.token}@127.0.0.1:{self.port}"

    @property
    def armed(self) -> Path:
        """The file that says at which step it is to kill itself."""
        return self.state / "armed"

    def start(self) -> None:
        """Start it, and wait until it answers reads."""
        self.state.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "analytics_platform_tests.proofs.killed_service", "--dsn", self.dsn]
        argv += ["--schemas", str(self.schemas), "--state", str(self.state), "--armed", str(self.armed)]
        named = {"AP_LEDGER_DSN": self.dsn, "AP_SCHEMA_DIR": str(self.schemas), "AP_STATE_DIR": str(self.state)}
        if self.by_cli:
            argv = [sys.executable, "-m", "analytics_platform.cli", "service", "run"]
        with (self.state / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "--port", str(self.port)], stdout=log, stderr=log, env={**os.environ, **named}
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask("GET", "/health")[0] == http.HTTPStatus.OK:
                    self._know()
                    return
            except OSError:
                pass
            threading.Event().wait(0.02)
        raise RuntimeError(f"the service does not answer; see {self.state}/service.log")

    def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """One request: status and document. Raises OSError or HTTPException if the process dies meanwhile."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = None if content is None else json.dumps(content)
            connection.request(method, path, body, {"Content-Type": TYPE, "Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def _know(self) -> None:
        """A token of its own, unless it has one."""
        if not self.token:
            self.token, kept = new_token("proof", roles=frozenset({Role.ADMIN}))
            with connect(self.dsn, application="proof") as connection:
                token_store.issue(connection, kept)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """SIGTERM."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)


def git(folder: Path, *command: str) -> str:
    """Run git there."""
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout


def new_repository(folder: Path) -> Path:
    """A repository with one commit; returns its empty folder of schemas."""
    (folder / "schemas").mkdir(parents=True)
    (folder / "README").write_text("a project\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=p", "-c", "user.email=p@localhost", "commit", "-q", "-m", "start")
    return folder / "schemas"


@contextmanager
def running(registry: RegistryProcess) -> Generator[RegistryProcess]:
    """It, from answering to stopped."""
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
