"""A real broker and a real Postgres for tests: started on free ports and fresh folders, stopped by pid."""

import subprocess
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from analytics_platform.errors import LocalError
from analytics_platform.local import broker, database
from analytics_platform.local.jars import install_jars
from analytics_platform.local.process import Part, free_port, launch, stop, wait_ready
from analytics_platform.postgres import connect, migrate

START_SECONDS = 60.0  # two seconds on an idle machine; many workers may start at once
STOP_SECONDS = 60.0  # on a busy machine
SMALL_HEAP = {"-Xms96m": "-Xms64m", "-Xmx384m": "-Xmx256m"}
CLUSTER_SETTINGS = {
    "default.replication.factor": "3",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "replica.lag.time.max.ms": "3000",  # a dead follower is waited for that long
    "controller.quorum.fetch.timeout.ms": "1000",
    "num.replica.fetchers": "1",
}
TEMPLATE = "ledger_template"
ATTEMPTS = 3  # between choosing a free port and binding it another test run may take it


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """A running broker."""

    bootstrap: str
    part: Part
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running Postgres; `dsn` is its ledger database, which tests leave empty."""

    dsn: str
    part: Part
    folder: Path


@contextmanager
def running_kafka(folder: Path, libs: Path) -> Generator[Kafka]:
    """A broker with its data in `folder`, on free ports."""
    with ExitStack() as stack:
        yield _start_kafka(stack, folder, install_jars(libs, lambda _: None))


def _start_kafka(stack: ExitStack, folder: Path, classpath: str, attempts: int = ATTEMPTS) -> Kafka:
    ports = broker.Ports(broker=free_port(0), controller=free_port(0))
    part = broker.prepare(folder, ports, classpath)
    try:
        pid = stack.enter_context(running(part))
    except LocalError:
        if attempts == 1:
            raise
        return _start_kafka(stack, folder, classpath, attempts - 1)
    return Kafka(bootstrap=f"127.0.0.1:{ports.broker}", part=part, pid=pid)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Several brokers that replicate; each is killed and started by its node id."""

    ports: Mapping[int, broker.Ports]
    parts: Mapping[int, Part]
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes."""
        return ",".join(f"127.0.0.1:{ports.broker}" for ports in self.ports.values())

    def start(self, *nodes: int) -> None:
        """Start these nodes together: one alone has no majority and would never be ready."""
        for node in nodes:
            self.running[node] = launch(self.parts[node])
        for node in nodes:
            wait_ready(self.running[node], self.parts[node], START_SECONDS)

    def kill(self, *nodes: int) -> None:
        """kill -9."""
        for node in nodes:
            self.running[node].kill()
            self.running.pop(node).wait()

    def wait_until_up(self) -> None:
        """Until every node answers."""
        for node, part in self.parts.items():
            wait_ready(self.running[node], part, START_SECONDS)

    def stop(self) -> None:
        """Stop all that run; nothing of them is kept, so nothing is waited for."""
        self.kill(*list(self.running))


@contextmanager
def running_cluster(
    folder: Path, libs: Path, brokers: int = 3, advertised: Mapping[int, int] | None = None
) -> Generator[Cluster]:
    """Brokers 1 to `brokers`, each its own controller too, in one cluster.

    `advertised` gives by node the port that clients are sent to, where that is not the one it listens on.
    """
    classpath, cluster_id = install_jars(libs, lambda _: None), broker.new_cluster_id()
    ports = {node: broker.Ports(broker=free_port(0), controller=free_port(0)) for node in range(1, brokers + 1)}
    voters = ",".join(f"{node}@127.0.0.1:{p.controller}" for node, p in ports.items())

    def prepare(node: int) -> Part:
        settings = CLUSTER_SETTINGS | {"node.id": str(node), "controller.quorum.voters": voters}
        if advertised:
            settings["advertised.listeners"] = f"PLAINTEXT://127.0.0.1:{advertised[node]}"
        member = broker.Membership(cluster=cluster_id, settings=settings)
        part = broker.prepare(folder / f"node{node}", ports[node], classpath, member=member)
        return replace(part, argv=tuple(SMALL_HEAP.get(argument, argument) for argument in part.argv))

    with ThreadPoolExecutor(brokers) as pool:
        parts = dict(zip(ports, pool.map(prepare, ports), strict=True))
    cluster = Cluster(ports=ports, parts=parts)
    try:
        cluster.start(*ports)
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def running_postgres(folder: Path) -> Generator[Postgres]:
    """A Postgres with its data in `folder`; it does not wait for the disk."""
    part = database.prepare(folder, is_durable=False)
    with running(part):
        yield Postgres(dsn=database.ledger_dsn(folder), part=part, folder=folder)


@contextmanager
def running(part: Part) -> Generator[int]:
    """The part's pid, from ready to stopped."""
    popen = launch(part)
    try:
        wait_ready(popen, part, START_SECONDS)
        yield popen.pid
    finally:
        stop(popen, part, STOP_SECONDS)


@contextmanager
def fresh_database(postgres: Postgres, template: str = "template1") -> Generator[str]:
    """The DSN of a database like `template`, which is empty, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(database.dsn(postgres.folder, "postgres"), autocommit=True) as connection:
        names = map(sql.Identifier, (name, template))
        connection.execute(sql.SQL("create database {} template {}").format(*names))
        try:
            yield database.dsn(postgres.folder, name)
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextmanager
def fresh_ledger(postgres: Postgres) -> Generator[str]:
    """The DSN of a database with the ledger's tables and nothing in them: a copy, since migrations take longer."""
    with psycopg.connect(database.dsn(postgres.folder, "postgres"), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [TEMPLATE]).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
            with connect(database.dsn(postgres.folder, TEMPLATE), application="test") as template:
                migrate(template)
                template.execute("delete from migration where name like 'roles.sql%'")
    with fresh_database(postgres, TEMPLATE) as dsn:
        with connect(dsn, application="test") as copy:
            migrate(copy)  # roles only: what they may do with a database is not copied with it
        yield dsn


def topic_names(prefix: str) -> Callable[[], str]:
    """A factory of topic names that nobody else uses."""
    return lambda: f"{prefix}-{uuid4().hex[:12]}"
