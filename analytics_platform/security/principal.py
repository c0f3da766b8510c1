"""Whom a broker takes us for, from what a client shows it. Reads the certificate's file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from analytics_platform.security.acl import user_named
from analytics_platform.security.denial import ANONYMOUS


def principal_of(options: Mapping[str, Any]) -> str:
    """The principal of a client with these options of kafka-python's; a certificate that cannot be read is nobody's."""
    if options.get("sasl_plain_username"):
        return user_named(options["sasl_plain_username"])
    try:
        certificates = x509.load_pem_x509_certificates(Path(options.get("ssl_certfile") or "").read_bytes())
    except (OSError, ValueError):
        return ANONYMOUS
    names = certificates[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return user_named(str(names[0].value)) if names else ANONYMOUS
