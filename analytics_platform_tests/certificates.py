"""Certificates for a server that lives for a test: an authority that nobody else trusts, as PEM files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_platform.security.certificates import Credential, issue, new_authority
from analytics_platform.security.private_file import write_private

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A server's certificate and key, each in a file."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Who signs: `certificate` is what clients trust."""

    certificate: Path
    _credential: Credential

    @classmethod
    def made(cls, folder: Path, name: str) -> "Authority":
        """A new one, in that folder."""
        credential = new_authority(name, datetime.now(UTC), A_DAY)
        found = cls(certificate=folder / f"{name}.pem", _credential=credential)
        found.certificate.write_bytes(credential.certificate)
        return found

    def issue(self, folder: Path, host: str, lasts: timedelta = A_DAY) -> Issued:
        """A certificate for a server of that name or address; one that lasts for less than nothing has expired."""
        began = datetime.now(UTC) + 2 * min(lasts, timedelta())
        made = issue(self._credential, host, began, hosts=(host,), valid=abs(lasts))
        found = Issued(certificate=folder / f"{host}.crt", key=folder / f"{host}.key")
        found.certificate.write_bytes(made.certificate)
        write_private(found.key, made.key)
        return found
