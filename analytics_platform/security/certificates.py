"""A small certificate authority: keys on P-256, certificates that say who shows them, as PEM. Pure, but for chance.

A certificate's subject is `CN=<name>`; Kafka makes `User:<name>` of it. Nothing else is in it that could be mistaken.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_VALID = timedelta(days=3650)
PART_VALID = timedelta(days=90)
CLOCKS_DIFFER = timedelta(minutes=5)  # between who issues and who verifies
USAGES = ("digital_signature", "key_cert_sign", "crl_sign")
NO_USAGE = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A private key and the certificate of it, both as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def pem(self) -> bytes:
        """Both in one text, as Java, librdkafka and OpenSSL read them: it is replaced as one, or not at all."""
        return self.key + self.certificate


def new_authority(name: str, now: datetime, valid: timedelta = AUTHORITY_VALID) -> Credential:
    """An authority that nobody else trusts; it signs certificates of parts and nothing below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    builder = _builder(subject, subject, key, now, valid).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return _signed(_with_usage(builder, "key_cert_sign", "crl_sign"), key, key)


def issue(
    authority: Credential, name: str, now: datetime, *, hosts: Sequence[str] = (), valid: timedelta = PART_VALID
) -> Credential:
    """A new key with a certificate that says `CN=<name>`; with `hosts`, whoever shows it may also serve there."""
    signer, issuer = load_key(authority.key), x509.load_pem_x509_certificate(authority.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
    builder = (
        _builder(_subject(name), issuer.subject, key, now, valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return _signed(_with_usage(builder, "digital_signature"), key, signer)


def expires_at(pem: bytes) -> datetime:
    """When the first certificate of a PEM text ends; ValueError where there is none."""
    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc


def as_shown(pem: bytes) -> bytes:
    """The first certificate of a PEM text as it goes over the line: DER."""
    return x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)


def is_signed_by(pem: bytes, authority: bytes) -> bool:
    """Whether the first certificate of a PEM text is one of that authority's."""
    certificate, issuer = x509.load_pem_x509_certificates(pem)[0], x509.load_pem_x509_certificates(authority)[0]
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key of a PEM text of ours."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key on an elliptic curve")
    return key


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, valid: timedelta
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _with_usage(builder: x509.CertificateBuilder, *wanted: str) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(**NO_USAGE, **{name: name in wanted for name in USAGES})
    return builder.add_extension(usage, critical=True)


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Credential:
    return Credential(
        certificate=builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
