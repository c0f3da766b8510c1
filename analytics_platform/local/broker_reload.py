"""Makes a running embedded broker read its certificates again, and waits until it has: it does so a moment later."""

import socket
import ssl
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_platform.errors import LocalError
from analytics_platform.ingest.kafka.asking import Asking
from analytics_platform.ingest.kafka.broker_settings import set_on_brokers
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.local.broker_security import HOST, stores
from analytics_platform.local.waiting import pause
from analytics_platform.security.certificate_files import CertificateFolder
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import Settings

LISTENERS = ("mtls", "scram")  # those of clients; the controller's reads its files at a start only
IN_A_ROW = 6  # connections that see it: each goes to another of the broker's threads, and there are two
TRIES, TRY_SECONDS = 100, 0.1
PROBE = "rotation"  # a name that no ACL knows
PROBE_VALID = timedelta(minutes=10)


def reload_certificates(settings: Settings, certificates: CertificateFolder) -> None:
    """Return once the broker shows what its file holds, and trusts the newest authority; raises LocalError if never."""
    where = settings.state_dir / "broker"
    named = [stores(certificates, where, PartName.BROKER, f"listener.name.{each}.") for each in LISTENERS]
    with closing(Client(cluster_of(settings, PartName.ADMIN))) as client:
        set_on_brokers(client, {key: value for each in named for key, value in each.items()})
    port = int(settings.kafka_bootstrap.rpartition(":")[2])
    with tempfile.TemporaryDirectory(prefix="rotation-") as folder:
        probe = Path(folder) / "probe.pem"
        certificates.probe(PROBE, probe, datetime.now(UTC), PROBE_VALID)
        _await(port, certificates, probe)


def _await(port: int, certificates: CertificateFolder, probe: Path) -> None:
    seen = 0
    for _ in range(TRIES):
        seen = seen + 1 if _is_read(port, certificates, probe) else 0
        if seen == IN_A_ROW:
            return
        pause(TRY_SECONDS)
    raise LocalError("Kafka", "the broker does not read its new certificates", "see its log; a restart reads them, too")


def _is_read(port: int, certificates: CertificateFolder, probe: Path) -> bool:
    context = ssl.create_default_context(cafile=str(certificates.trust))
    context.load_cert_chain(probe)
    wanted = certificates.der(PartName.BROKER)
    try:
        with (
            socket.create_connection((HOST, port), timeout=1) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            return connection.getpeercert(binary_form=True) == wanted and Asking(connection).speaks_kafka()
    except (OSError, EOFError):
        return False
