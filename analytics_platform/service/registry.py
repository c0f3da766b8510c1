"""The registry that is served: a snapshot kept current, and the one connection that changes it. Touches Postgres."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from analytics_platform.errors import PlatformError
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Catalog
from analytics_platform.registry import store
from analytics_platform.registry.git import Repository
from analytics_platform.registry.publish import Registrar, Step
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.sync import adopt
from analytics_platform.service.errors import Code, RequestError

log = logging.getLogger(__name__)
NOTICE_SECONDS = 1.0  # how long a change may stay unseen if its notification is lost
RETRY_SECONDS = 1.0


NOTHING = Catalog(pipelines={})


def _nothing(_: Step) -> None:
    """No test is watching."""


class ServedRegistry:
    """One process's view of the registry.

    Reads are answered from the snapshot, also while Postgres is away; whoever changes something sees it in the snapshot
    when the change returns, other processes' changes appear as Postgres notifies of them.
    """

    def __init__(
        self,
        dsn: str,
        folder: Path,
        patches: Path,
        *,
        commits: bool,
        declared: Catalog = NOTHING,
        reached: Callable[[Step], None] = _nothing,
    ) -> None:
        self._dsn, self._folder, self._patches, self._reached = dsn, folder, patches, reached
        self._commits = commits
        self.declared = declared
        self._snapshot: Snapshot | None = None
        self._changing = threading.Lock()
        self._registrar: Registrar | None = None
        self._stopping = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="schema-changes", daemon=True)

    @property
    def snapshot(self) -> Snapshot:
        """The registry as it is known here; raises RequestError before it was first read."""
        if self._snapshot is None:
            raise RequestError(Code.STORE_FAILED, "Postgres was not reached yet; `ap status` shows why")
        return self._snapshot

    def start(self) -> None:
        """Read the registry, finish what was cut off, and follow changes; tries until Postgres is there."""
        self._follower.start()

    def stop(self) -> None:
        """Let go of Postgres."""
        self._stopping.set()
        self._follower.join(timeout=2 * NOTICE_SECONDS)
        with self._changing:
            self._drop()

    def change(self, act: Callable[[Registrar], Any]) -> Any:
        """Run that with a registrar, one at a time, and show readers what came of it."""
        with self._changing:
            try:
                registrar = self._opened()
                try:
                    return act(registrar)
                finally:
                    self._see(registrar.connection)
            except psycopg.Error as error:
                self._drop()
                log.warning("registry.unreachable", extra={"reason": str(error).strip().splitlines()[0]})
                problem = "Postgres failed; whether the change was made is not known: ask again, it is made once"
                raise RequestError(Code.STORE_FAILED, problem) from error

    def _opened(self) -> Registrar:
        """The registrar; a new one first brings Postgres up to git, and git up to Postgres."""
        if self._registrar is None:
            connection = connect(self._dsn, application="schema registry")
            try:
                migrate(connection)
                for subject, problem in adopt(connection, self._folder).problems.items():
                    log.warning("schemas.not_adopted", extra={"subject": subject, "reason": str(problem)})
                registrar = Registrar(
                    connection=connection,
                    folder=self._folder,
                    repository=Repository.of(self._folder) if self._commits else None,
                    patches=self._patches,
                    reached=self._reached,
                )
                registrar.decide(self._shown)
            except BaseException:
                connection.close()
                raise
            self._registrar = registrar
        return self._registrar

    def _shown(self, snapshot: Snapshot) -> None:
        if self._snapshot is None or snapshot.change >= self._snapshot.change:
            self._snapshot = snapshot

    def _see(self, connection: psycopg.Connection) -> None:
        if self._snapshot is None or store.change_number(connection) != self._snapshot.change:
            self._shown(store.read_snapshot(connection))

    def _drop(self) -> None:
        if self._registrar is not None:
            self._registrar.connection.close()
            self._registrar = None

    def _follow(self) -> None:
        """The follower thread: on any trouble it starts anew."""
        while not self._stopping.is_set():
            try:
                with self._changing:
                    self._opened()
                self._listen()
            except (PlatformError, psycopg.Error) as error:
                log.warning("registry.not_followed", extra={"reason": str(error).strip().splitlines()[0]})
                self._stopping.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        with connect(self._dsn, application="schema registry follower") as connection:
            connection.execute(f"listen {store.CHANNEL}")
            while not self._stopping.is_set():
                self._see(connection)
                for _ in connection.notifies(timeout=NOTICE_SECONDS, stop_after=1):
                    pass
