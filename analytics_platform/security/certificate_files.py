"""The certificates of one instance as files: its authority, what to trust, and a key for each part. Touches the disk.

    ca.pem          what everybody trusts: the authority; two while it is being changed
    authority.pem   the authority that signs, with its key
    next.pem        the one that will sign next, once everybody trusts it
    <name>.pem      a part's key and certificate, in one file, so that no reader ever sees one without the other

Files are replaced, never written into. Whoever connects reads them anew.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from analytics_platform.errors import SettingError
from analytics_platform.security.certificates import (
    PART_VALID,
    Credential,
    as_shown,
    expires_at,
    is_signed_by,
    issue,
    new_authority,
)
from analytics_platform.security.private_file import EVERYBODYS, write_private

TRUST = "ca.pem"
AUTHORITY, NEXT = "authority.pem", "next.pem"
RENEWED_WITH_LEFT = 1 / 3  # of how long it is good for: at a start; what is not restarted alarms before it is over
PEM_END = b"-----END PRIVATE KEY-----\n"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is to have a certificate, where they serve with it, and for how long it is good."""

    name: str
    hosts: tuple[str, ...] = ()
    valid: timedelta = PART_VALID


@dataclass(frozen=True, slots=True)
class CertificateFolder:
    """Where an instance keeps its certificates; the folder is its owner's alone."""

    path: Path

    @property
    def trust(self) -> Path:
        """What a client of this instance trusts."""
        return self.path / TRUST

    def of(self, name: str) -> Path:
        """A part's key and certificate."""
        return self.path / f"{name}.pem"

    def provide(self, holders: Iterable[Holder], now: datetime) -> list[str]:
        """Make what is missing, ends soon, or was signed by an authority that no longer signs; returns whose."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        if not (self.path / AUTHORITY).exists():
            authority = self._new_authority(now, AUTHORITY)
            write_private(self.trust, authority.certificate, EVERYBODYS)
        authority = self._authority()
        wanted = [each for each in holders if not _is_good(self.of(each.name), each, authority.certificate, now)]
        self.renew(wanted, now)
        return [each.name for each in wanted]

    def renew(self, holders: Iterable[Holder], now: datetime) -> None:
        """Give each a new key and certificate, whatever the old one was still good for."""
        authority = self._authority()
        for each in holders:
            made = issue(authority, each.name, now, hosts=each.hosts, valid=each.valid)
            write_private(self.of(each.name), made.pem)

    @property
    def has_next_authority(self) -> bool:
        """Whether one was added that signs nothing yet."""
        return (self.path / NEXT).exists()

    def add_authority(self, now: datetime) -> None:
        """Trust one more authority, which signs nothing yet; a no-op while there is one."""
        if not self.has_next_authority:
            self._new_authority(now, NEXT)
        upcoming = _read(self.path / NEXT)
        write_private(self.trust, self._authority().certificate + upcoming.certificate, EVERYBODYS)

    def change_authority(self) -> None:
        """Let the added authority sign from now on; both are trusted. A no-op where none was added."""
        if self.has_next_authority:
            (self.path / NEXT).replace(self.path / AUTHORITY)

    def drop_old_authority(self) -> None:
        """Trust nothing but the authority that signs."""
        write_private(self.trust, self._authority().certificate, EVERYBODYS)

    def probe(self, name: str, file: Path, now: datetime, valid: timedelta) -> None:
        """A certificate of the newest authority, to see who trusts it."""
        newest = self.path / NEXT
        authority = _read(newest) if newest.exists() else self._authority()
        write_private(file, issue(authority, name, now, valid=valid).pem)

    def der(self, name: str) -> bytes:
        """A part's certificate as it is shown."""
        return as_shown(self.of(name).read_bytes())

    def expiries(self) -> dict[str, datetime]:
        """When each file's certificate ends; by name, the authority's among them."""
        if not self.path.is_dir():
            return {}
        return {file.stem: expires_at(file.read_bytes()) for file in sorted(self.path.glob("*.pem"))}

    def _new_authority(self, now: datetime, name: str) -> Credential:
        made = new_authority(f"analytics-platform {secrets.token_hex(4)}", now)
        write_private(self.path / name, made.pem)
        return made

    def _authority(self) -> Credential:
        return _read(self.path / AUTHORITY)


def time_left(expiries: Mapping[str, datetime], now: datetime) -> dict[str, timedelta]:
    """How long each certificate is good for; negative where it is over. Pure."""
    return {name: at - now for name, at in expiries.items()}


def _is_good(file: Path, holder: Holder, authority: bytes, now: datetime) -> bool:
    if not file.exists():
        return False
    pem = file.read_bytes()
    try:
        return is_signed_by(pem, authority) and expires_at(pem) - now > holder.valid * RENEWED_WITH_LEFT
    except ValueError:  # cut short, or not ours
        return False


def _read(file: Path) -> Credential:
    try:
        key, end, certificate = file.read_bytes().partition(PEM_END)
    except OSError as error:
        raise SettingError("state_dir", f"{file} cannot be read: {error}", "`ap up` makes the authority") from error
    return Credential(key=key + end, certificate=certificate)
