"""Gives an embedded broker and everybody who connects to it new keys, while records flow.

Open connections stay as they are. Whoever connects reads the files anew: the broker is told to, our parts always do.
"""

import secrets
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from enum import StrEnum

from analytics_platform.errors import LocalError
from analytics_platform.ingest.kafka.access_write import apply, set_password
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.local.broker_access import AccessFolders, holders
from analytics_platform.local.broker_reload import reload_certificates
from analytics_platform.local.broker_security import CONTROLLER, SERVING
from analytics_platform.pipeline.access import declared_access
from analytics_platform.security.access import Difference, Password
from analytics_platform.security.acl import CLUSTER, EVERY, Acl, Kind, Operation, Permission, Resource, user_named
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.security.password_files import PASSWORD_BYTES
from analytics_platform.security.private_file import write_private
from analytics_platform.settings import Settings


class Step(StrEnum):
    """A change of the authority in three, so that at every moment each side trusts what the other shows."""

    BEGIN = "begin"  # trust the new one, too; hand out ca.pem
    SWITCH = "switch"  # everything is signed by the new one
    FINISH = "finish"  # trust the new one only


def rotate_certificates(settings: Settings) -> list[str]:
    """Give the broker and every part a new key and certificate; returns whose."""
    folders = _folders(settings)
    renewed = [each for each in holders(declared_access(settings.schema_dir)) if each.name != CONTROLLER]
    folders.certificates.renew(renewed, datetime.now(UTC))
    reload_certificates(settings, folders.certificates)
    return [each.name for each in renewed]


def rotate_authority(settings: Settings, step: Step) -> None:
    """Take one of the three steps; each may be repeated."""
    folders, now = _folders(settings), datetime.now(UTC)
    match step:
        case Step.BEGIN:
            folders.certificates.add_authority(now)
        case Step.SWITCH:
            folders.certificates.change_authority()
            rotate_certificates(settings)
            return
        case Step.FINISH if folders.certificates.has_next_authority:
            raise LocalError("access", "nothing is signed by the new authority yet", "first: --step switch")
        case Step.FINISH:
            folders.certificates.drop_old_authority()
    reload_certificates(settings, folders.certificates)


def rotate_password(settings: Settings, name: str) -> None:
    """Give somebody a new password; it is in their file a moment before the broker knows it."""
    file = _folders(settings).passwords / name
    if not file.exists():
        raise LocalError("access", f"{name} has no password here", "principals of access.yaml that show one have")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    write_private(file, f"{password}\n".encode())
    with _as_admin(settings) as client:
        set_password(client, name, password)


def revoke(settings: Settings, name: str) -> None:
    """Let somebody do nothing any more, at once, over connections that are open, too."""
    if name in {each.name for each in SERVING}:
        raise LocalError("access", f"{name} is the broker itself, which no ACL binds", "rotate its certificate instead")
    kinds = (Kind.TOPIC, Kind.GROUP, Kind.TRANSACTIONAL_ID)
    resources = [CLUSTER, *(Resource(kind, EVERY) for kind in kinds)]
    denied = [Acl(user_named(name), each, Operation.ALL, Permission.DENY) for each in resources]
    change = [Difference(item=acl, wanted="", found=None) for acl in denied]
    if (_folders(settings).passwords / name).exists():
        change.append(Difference(item=Password(name), wanted=None, found=""))
    with _as_admin(settings) as client:
        apply(client, change, dict.fromkeys(denied, ""), lambda _: "")


def _folders(settings: Settings) -> AccessFolders:
    folders = AccessFolders(settings.state_dir)
    if settings.kafka_ca_file != str(folders.certificates.trust):
        problem = f"the broker at {settings.kafka_bootstrap} is not this instance's own, or is not secured"
        raise LocalError("access", problem, "rotate where its certificates and passwords are made")
    return folders


@contextmanager
def _as_admin(settings: Settings) -> Generator[Client]:
    with closing(Client(cluster_of(settings, PartName.ADMIN))) as client:
        yield client
