"""A real broker that asks everybody who they are, with an authority of its own, for tests."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.local import broker
from analytics_platform.local.broker_access import AccessFolders, grant, provide_certificates
from analytics_platform.local.broker_security import HOST, SERVING, BrokerSecurity
from analytics_platform.local.jars import install_jars
from analytics_platform.local.process import free_port
from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform.security.cluster import Cluster
from analytics_platform.settings import KafkaProtocol, Settings, read_settings
from analytics_platform_tests.brokers import running


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredKafka:
    """A running broker, its two doors, and its certificates."""

    port: int
    people_port: int
    certificates: CertificateFolder
    pid: int

    def shown(self, name: str) -> Cluster:
        """As whoever shows the certificate of that name."""
        return Cluster(
            bootstrap=f"{HOST}:{self.port}",
            protocol=KafkaProtocol.SSL,
            ca_file=str(self.certificates.trust),
            certificate_file=str(self.certificates.of(name)),
        )

    def known(self, user: str, password_file: Path) -> Cluster:
        """As whoever knows that user's password."""
        return Cluster(
            bootstrap=f"{HOST}:{self.people_port}",
            protocol=KafkaProtocol.SASL_SSL,
            ca_file=str(self.certificates.trust),
            user=user,
            password_file=str(password_file),
        )


@contextmanager
def running_secured_kafka(folder: Path, libs: Path, names: tuple[str, ...]) -> Generator[SecuredKafka]:
    """One with its data in `folder`, on free ports; it is the super user `broker`, and nobody else may do anything."""
    certificates = CertificateFolder(folder / "security")
    certificates.provide([*SERVING, *(Holder(name) for name in names if name != "broker")], datetime.now(UTC))
    ports = broker.Ports(broker=free_port(0), controller=free_port(0))
    security = BrokerSecurity(certificates=certificates, people=free_port(0))
    part = broker.prepare(folder / "kafka", ports, install_jars(libs, lambda _: None), security=security)
    with running(part) as pid:
        yield SecuredKafka(port=ports.broker, people_port=security.people, certificates=certificates, pid=pid)


@contextmanager
def running_own_kafka(folder: Path, libs: Path) -> Generator[tuple[Settings, int]]:
    """One as `ap up` starts it, that lets everybody do what is declared: the instance's settings, the people's port."""
    ports = broker.Ports(broker=free_port(0), controller=free_port(0))
    named = {"AP_STATE_DIR": str(folder), "AP_KAFKA_BOOTSTRAP": f"{HOST}:{ports.broker}"}
    settings = replace(read_settings(named), **AccessFolders(folder).settings)
    security = provide_certificates(settings, free_port(0))
    classpath = install_jars(libs, lambda _: None)
    with running(broker.prepare(folder / "broker", ports, classpath, security=security)):
        grant(settings)
        yield settings, security.people
