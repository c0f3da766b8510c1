"""An embedded broker's own access: certificates before it starts, and what everybody may do once it answers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.ingest.kafka.client import Client
from analytics_platform.local.broker_security import SERVING, BrokerSecurity
from analytics_platform.pipeline.access import DeclaredAccess, bring_about, declared_access
from analytics_platform.security.access_file import Shows
from analytics_platform.security.access_wanted import wanted_principals
from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform.security.cluster import PART, cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.security.password_files import passwords_in
from analytics_platform.settings import KafkaProtocol, Settings

REGISTER_SECONDS = 20.0  # after a kill the controller waits until the old one cannot live any more


@dataclass(frozen=True, slots=True)
class AccessFolders:
    """Where an instance keeps what its broker knows people and parts by."""

    state_dir: Path

    @property
    def certificates(self) -> CertificateFolder:
        """A certificate for each part, and for everybody whom access.yaml says to show one."""
        return CertificateFolder(self.state_dir / "certificates")

    @property
    def passwords(self) -> Path:
        """A file for each of the others."""
        return self.state_dir / "passwords"

    @property
    def settings(self) -> dict[str, object]:
        """How every part of the instance connects."""
        return {
            "kafka_protocol": KafkaProtocol.SSL,
            "kafka_ca_file": str(self.certificates.trust),
            "kafka_certificate_file": str(self.certificates.of(PART)),
            "kafka_key_file": "",
        }


def is_secured(settings: Settings, named: frozenset[str]) -> bool:
    """Whether the broker is an embedded one, which no setting `named`, and asks everybody who they are."""
    return "kafka_bootstrap" not in named and settings.kafka_protocol is not KafkaProtocol.PLAINTEXT


def provide_certificates(settings: Settings, people: int) -> BrokerSecurity:
    """Make what is missing or ends soon; what is still good stays."""
    certificates = AccessFolders(settings.state_dir).certificates
    certificates.provide(holders(declared_access(settings.schema_dir)), datetime.now(UTC))
    return BrokerSecurity(certificates=certificates, people=people)


def holders(declared: DeclaredAccess) -> list[Holder]:
    """Who shows a certificate: the broker, every part, and whoever else access.yaml says."""
    shown = [
        each.name for each in wanted_principals(declared.streams, declared.file) if each.shows is Shows.CERTIFICATE
    ]
    serving = {each.name for each in SERVING}
    return [*SERVING, *(Holder(name) for name in sorted({*map(str, PartName), *shown} - serving))]


def grant(settings: Settings) -> None:
    """Let everybody do what is declared, before anybody else connects; a second time there is nothing to do.

    As the broker, which is the only super user: there is no ACL yet that lets somebody else make one.
    """
    client = Client(cluster_of(settings, PartName.BROKER))
    try:
        client.patiently(lambda: _require_registered(client), REGISTER_SECONDS)
        password_of = passwords_in(AccessFolders(settings.state_dir).passwords)
        bring_about(client, declared_access(settings.schema_dir), password_of=password_of)
    finally:
        client.close()


def _require_registered(client: Client) -> None:
    """It answers a moment before its controller counts on it: topics could not be placed anywhere then."""
    if not client.brokers():
        raise client.unreachable("no broker has registered yet")
