"""Whom a broker takes us for, from what we show it. Reads the certificate's file."""

from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from analytics_platform.security.acl import user_named
from analytics_platform.security.cluster import Cluster
from analytics_platform.security.denial import ANONYMOUS
from analytics_platform.settings import KafkaProtocol


def principal_of(cluster: Cluster) -> str:
    """Our principal there; a certificate that cannot be read is nobody's."""
    if cluster.protocol is KafkaProtocol.SASL_SSL:
        return user_named(cluster.user)
    if cluster.protocol is KafkaProtocol.PLAINTEXT or not cluster.certificate_file:
        return ANONYMOUS
    try:
        certificates = x509.load_pem_x509_certificates(Path(cluster.certificate_file).read_bytes())
    except (OSError, ValueError):
        return ANONYMOUS
    names = certificates[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return user_named(str(names[0].value)) if names else ANONYMOUS
