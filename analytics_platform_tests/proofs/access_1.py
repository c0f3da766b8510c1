"""Who may do what, as data: each cell tried on the real thing, each rule turned round, and every wrong door."""

import importlib
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from analytics_platform.errors import DistrustError
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform.security.certificates import Credential, issue
from analytics_platform.security.cluster import Cluster
from analytics_platform.settings import KafkaProtocol, read_settings
from analytics_platform_tests.proofs.access_cells import (
    MOST_SECONDS,
    Cell,
    Flip,
    Side,
    distinct_principals,
    try_all,
    try_out,
)
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.secured import SecuredKafka, running_secured_kafka

SYSTEMS = ("access_kafka", "access_postgres", "access_service")
CELLS, PRINCIPALS = 80, 15


def prove(report: Report) -> None:
    """The matrix of every system that has one; its rules turned round; doors that must stay shut."""
    with tempfile.TemporaryDirectory(prefix="access1-") as place, ExitStack() as stack:
        sides = list(_sides(stack, Path(place)))
        cells = [cell for side in sides for cell in side.cells]
        _try_cells(report, cells)
        _count(report, cells)
        for side in sides:
            _turn_rules(report, side)
    with tempfile.TemporaryDirectory(prefix="access1-") as place:
        _wrong_doors(report, Path(place))


def _sides(stack: ExitStack, folder: Path) -> Iterator[Side]:
    for name in SYSTEMS:
        module = f"{__package__}.{name}"
        if find_spec(module) is not None:
            yield stack.enter_context(importlib.import_module(module).opened(folder / name))


def _try_cells(report: Report, cells: list[Cell]) -> None:
    report.step(f"try {len(cells)} cells")
    tried = try_all(cells)
    refused = [each for each in tried if not each.cell.is_allowed and each.problem is None]
    report.figure("allowed_and_worked", sum(each.cell.is_allowed and each.problem is None for each in tried))
    report.figure("forbidden_and_refused_by_name", len(refused))
    report.figure("slowest_refusal_seconds", round(max(each.seconds for each in refused), 2))
    report.figure("a_refusal", refused[0].said)
    for each in tried:
        if each.problem is not None:
            report.claim(f"{each.cell.name} {each.problem}", holds=False)
    report.claim("each cell is as the matrix says", all(each.problem is None for each in tried))


def _count(report: Report, cells: list[Cell]) -> None:
    alike = distinct_principals(cells)
    systems = sorted({cell.system for cell in cells})
    report.figure("cells", {system: sum(cell.system == system for cell in cells) for system in systems})
    report.figure("principals_that_differ", len(alike))
    report.claim(f"at least {CELLS} cells", len({cell.name for cell in cells}) >= CELLS)
    report.claim(f"at least {PRINCIPALS} principals that differ somewhere", len(alike) >= PRINCIPALS)
    for system in ("kafka", "postgres", "service"):
        report.claim(f"cells of {system}", any(name.startswith(system) for name in systems))


def _turn_rules(report: Report, side: Side) -> None:
    """A matrix in which something may be changed without a red cell proves nothing of it."""
    cells = {cell.name: cell for cell in side.cells}
    report.step(f"turn {len(side.flips)} rules round, one at a time")
    quiet = [problem for flip in side.flips if (problem := _quiet(flip, cells))]
    for problem in quiet:
        report.claim(problem, holds=False)
    system = side.cells[0].system
    report.figure(f"rules_turned_{system}", len(side.flips))
    report.claim(f"{system}: each rule that is turned round turns its cells red", not quiet and bool(side.flips))
    again = [f"{each.cell.name} {each.problem}" for each in try_all(side.cells) if each.problem is not None]
    report.claim(f"{system}: afterwards each cell is as before {again or ''}", not again)


def _quiet(flip: Flip, cells: dict[str, Cell]) -> str | None:
    """What is wrong with a rule that was turned round: no cell noticed."""
    if not flip.turns:
        return f"no cell is for {flip.name}"
    with flip.turned():
        green = [name for name in flip.turns if try_out(cells[name]).problem is None]
    return f"{flip.name} leaves {', '.join(green)} as it was" if green else None


def _wrong_doors(report: Report, folder: Path) -> None:
    report.step("come with the wrong protocol, certificate, password and version")
    with running_secured_kafka(folder / "kafka", read_settings().jar_dir, ("planner",)) as kafka:
        right = kafka.shown("planner")
        with closing(Client(right)) as client:
            report.claim("the right certificate is let in", client.brokers() == [1])
        for name, (cluster, says) in _wrong(kafka, folder).items():
            _refuse(report, name, says, lambda cluster=cluster: _connect(cluster))
        _refuse(report, "TLS 1.1", "PROTOCOL_VERSION", lambda: _old_tls(kafka), (ssl.SSLError,))


def _wrong(kafka: SecuredKafka, folder: Path) -> dict[str, tuple[Cluster, str]]:
    """By what is wrong, how it is tried, and what must be said."""
    now, right = datetime.now(UTC), kafka.shown("planner")
    strangers = CertificateFolder(folder / "strangers")
    strangers.provide([Holder("planner")], now)
    late = folder / "late.pem"
    authority = (kafka.certificates.path / "authority.pem").read_bytes()
    late.write_bytes(issue(_credential(authority), "planner", now - timedelta(days=9), valid=timedelta(days=8)).pem)
    password = folder / "password"
    password.write_text("guessed")
    return {
        "plaintext": (replace(right, protocol=KafkaProtocol.PLAINTEXT), "it speaks TLS there, we do not"),
        "a foreign CA's broker": (replace(right, ca_file=str(strangers.trust)), "not of an authority that we trust"),
        "a foreign CA's client": (replace(right, certificate_file=str(strangers.of("planner"))), "refuses our certif"),
        "no certificate": (replace(right, certificate_file=""), "asks for a certificate, and we show none"),
        "an expired certificate": (replace(right, certificate_file=str(late)), "is expired"),
        "a wrong password": (kafka.known("planner", password), "no user planner with the password in"),
    }


def _refuse(
    report: Report,
    name: str,
    says: str,
    attempt: Callable[[], object],
    refusals: tuple[type[BaseException], ...] = (DistrustError,),
) -> None:
    began = time.monotonic()
    try:
        attempt()
    except refusals as error:
        seconds, said = time.monotonic() - began, str(error)
        report.figure(f"refused: {name}", f"{said} ({seconds:.2f} s)")
        report.claim(f"{name} is refused, with why and what to do", says in said and seconds < MOST_SECONDS)
    else:
        report.claim(f"{name} is refused", holds=False)


def _connect(cluster: Cluster) -> None:
    with closing(Client(cluster)) as client:
        client.brokers()


def _old_tls(kafka: SecuredKafka) -> None:
    """A client of 2006, that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", kafka.port), MOST_SECONDS) as plain, context.wrap_socket(plain):
        pass


def _credential(pem: bytes) -> Credential:
    key, end, certificate = pem.partition(b"-----END PRIVATE KEY-----\n")
    return Credential(certificate=certificate, key=key + end)
