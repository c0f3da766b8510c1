"""Where sides run: a broker with a plain and an encrypted listener, a Postgres, and topics full of bids."""

import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from analytics_platform.local import broker
from analytics_platform.local.jars import install_jars
from analytics_platform.local.process import free_port
from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform_tests.bench.topic import produce
from analytics_platform_tests.brokers import fresh_database, running, running_postgres
from analytics_platform_tests.proofs.report import ROOT

JARS = ROOT / ".state" / "jars"
SERVER = Holder("broker", ("127.0.0.1",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """A topic, and how many records it holds."""

    topic: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What sides connect to, who serves them, and what their processes find besides.

    `authority` is what clients of the encrypted listener trust.
    """

    plain: str
    encrypted: str
    authority: Path
    encoding: str
    new_dsn: Callable[[], str]
    servant: psutil.Process
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def opened(encoding: str, environment: Mapping[str, str]) -> Generator[Ground]:
    """Start both, and stop them afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        ports, tls_port = broker.Ports(broker=free_port(0), controller=free_port(0)), free_port(0)
        certificates = CertificateFolder(folder / "certificates")
        certificates.provide([SERVER], datetime.now(UTC))
        settings = {
            "listeners": f"PLAINTEXT://127.0.0.1:{ports.broker},TLS://127.0.0.1:{tls_port},"
            f"CONTROLLER://127.0.0.1:{ports.controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificates.of(SERVER.name)),
        }
        member = broker.Membership(cluster=broker.new_cluster_id(), settings=settings)
        classpath = install_jars(JARS, lambda _: None)
        stack.enter_context(running(broker.prepare(folder / "kafka", ports, classpath, member=member)))
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        yield Ground(
            plain=f"127.0.0.1:{ports.broker}",
            encrypted=f"127.0.0.1:{tls_port}",
            authority=certificates.trust,
            encoding=encoding,
            new_dsn=lambda: stack.enter_context(fresh_database(postgres)),
            servant=_postmaster(postgres.folder),
            environment=environment,
        )


def filled(ground: Ground, events: int, seed: int, say: Callable[[str], object]) -> Backlog:
    """A new topic with about so many bids."""
    topic, began = f"bids-{ground.encoding}-{events}", time.monotonic()
    count = produce(ground.plain, topic, ground.encoding, events, seed)
    say(f"{count:,} bids in {ground.encoding}, produced in {time.monotonic() - began:.1f} s")
    return Backlog(topic=topic, events=count)


def _postmaster(folder: Path) -> psutil.Process:
    pid = int(next(folder.rglob("postmaster.pid")).read_text().splitlines()[0])
    return psutil.Process(pid)
