"""How a stock client connects, whether the broker asks who it is or not; imports nothing of the platform."""

from collections.abc import Mapping
from pathlib import Path

UNSECURED = {"AP_KAFKA_PROTOCOL": "PLAINTEXT"}  # for a process of ours that is sent to a broker of that kind
Address = str | Mapping[str, str]  # host:port of a broker that asks nobody, or a configuration of librdkafka's


def stock(address: Address) -> dict[str, str]:
    """The configuration of a client on librdkafka."""
    return {"bootstrap.servers": address} if isinstance(address, str) else dict(address)


def shown(bootstrap: str, certificates: Path, name: str) -> dict[str, str]:
    """The same for whoever shows the certificate of that name, out of an instance's folder."""
    own = str(certificates / f"{name}.pem")
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SSL",
        "ssl.ca.location": str(certificates / "ca.pem"),
        "ssl.certificate.location": own,
        "ssl.key.location": own,
    }
