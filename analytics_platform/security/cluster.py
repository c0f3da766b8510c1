"""A Kafka cluster and who we are to it, in the words of each client that connects. Reads the password's file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from analytics_platform.errors import SettingError
from analytics_platform.settings import KafkaProtocol, Settings

PART = "{part}"  # in a setting: the name of the part that connects
MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where a cluster is, how it is spoken to, and what we show it. Files are read at each connection, never kept.

    `certificate_file` holds a certificate and, unless `key_file` names another file, its key.
    """

    bootstrap: str
    protocol: KafkaProtocol = KafkaProtocol.PLAINTEXT
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    user: str = ""
    password_file: str = ""

    @classmethod
    def of(cls, address: "Cluster | str") -> Self:
        """A bare address is that of a cluster which asks nobody who they are."""
        return address if isinstance(address, cls) else cls(bootstrap=str(address))

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self.protocol is not KafkaProtocol.PLAINTEXT

    def password(self) -> str:
        """What the password's file holds; raises SettingError, which never quotes it."""
        try:
            return Path(self.password_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SettingError("kafka_password_file", f"{self.password_file}: {reason}", "name a file") from error


def cluster_of(settings: Settings, part: str) -> Cluster:
    """The cluster of the settings, as a part connects to it; raises SettingError."""
    names = ("kafka_certificate_file", "kafka_key_file", "kafka_user", "kafka_password_file")
    own = {name.removeprefix("kafka_"): str(getattr(settings, name)).replace(PART, part) for name in names}
    protocol = settings.kafka_protocol
    if protocol is KafkaProtocol.SASL_SSL and not (own["user"] and own["password_file"]):
        raise SettingError("kafka_user", "SASL_SSL needs a user and a password", "set it and AP_KAFKA_PASSWORD_FILE")
    return Cluster(bootstrap=settings.kafka_bootstrap, protocol=protocol, ca_file=settings.kafka_ca_file, **own)


def for_kafka_python(cluster: Cluster) -> dict[str, Any]:
    """The options that kafka-python wants besides the address."""
    if not cluster.is_encrypted:
        return {}
    found: dict[str, Any] = {"security_protocol": str(cluster.protocol), "ssl_cafile": cluster.ca_file or None}
    if cluster.certificate_file:
        found |= {"ssl_certfile": cluster.certificate_file, "ssl_keyfile": cluster.key_file or None}
    if cluster.protocol is KafkaProtocol.SASL_SSL:
        found |= {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": cluster.user,
            "sasl_plain_password": cluster.password(),
        }
    return found


def for_librdkafka(cluster: Cluster) -> dict[str, str]:
    """The configuration of a client on librdkafka: confluent-kafka, kcat and others."""
    found = {"bootstrap.servers": cluster.bootstrap}
    if not cluster.is_encrypted:
        return found
    found |= {"security.protocol": str(cluster.protocol), **_if_set("ssl.ca.location", cluster.ca_file)}
    if cluster.certificate_file:
        found |= {
            "ssl.certificate.location": cluster.certificate_file,
            "ssl.key.location": cluster.key_file or cluster.certificate_file,
        }
    if cluster.protocol is KafkaProtocol.SASL_SSL:
        found |= {"sasl.mechanism": MECHANISM, "sasl.username": cluster.user, "sasl.password": cluster.password()}
    return found


def for_java(cluster: Cluster) -> dict[str, str]:
    """The properties of a client on the Java virtual machine; raises SettingError for what it cannot express."""
    found = {"bootstrap.servers": cluster.bootstrap}
    if not cluster.is_encrypted:
        return found
    found |= {"security.protocol": str(cluster.protocol)}
    if cluster.ca_file:
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": cluster.ca_file}
    if cluster.certificate_file:
        if cluster.key_file:
            raise SettingError("kafka_key_file", "Java reads key and certificate from one file", "join the two")
        found |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": cluster.certificate_file}
    if cluster.protocol is KafkaProtocol.SASL_SSL:
        found |= {"sasl.mechanism": MECHANISM, "sasl.jaas.config": _jaas(cluster)}
    return found


def as_properties(found: Mapping[str, str]) -> str:
    """A configuration as the text of a properties file."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in found.items())


def _jaas(cluster: Cluster) -> str:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    quoted = {name: _quoted(text) for name, text in (("username", cluster.user), ("password", cluster.password()))}
    return f"{module} required username={quoted['username']} password={quoted['password']};"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(value: str) -> str:
    """A backslash begins an escape in a properties file."""
    return value.replace("\\", "\\\\")


def _if_set(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}
