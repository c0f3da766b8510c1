"""What Kafka is to have, read from the tree; held against a cluster, and brought about there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.kafka.access_read import found_state
from analytics_platform.ingest.kafka.access_write import apply
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.product import Catalog
from analytics_platform.products import catalog
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.security.access import Difference, State, differences
from analytics_platform.security.access_file import ACCESS_FILE, AccessFile, parse_access
from analytics_platform.security.access_wanted import wanted_state
from analytics_platform.settings import ROOT

FILE = ROOT / ACCESS_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAccess:
    """The streams that are declared, what the file says beside them, and what a cluster is to have because of both."""

    streams: Catalog
    file: AccessFile
    wanted: State


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtAbout:
    """What was done, and what is left as it was."""

    done: list[Difference]
    left: list[Difference]


def declared_access(schema_dir: Path, path: Path = FILE) -> DeclaredAccess:
    """What the tree says; streams whose schema is a draft have no topic yet. Raises DeclarationError."""
    streams, file = without_drafts(catalog(), schema_dir), parse_access(_text(path), _shown(path))
    return DeclaredAccess(streams=streams, file=file, wanted=wanted_state(streams, file))


def look(client: Client, declared: DeclaredAccess) -> list[Difference]:
    """In what the cluster is not as declared; see `found_state` for what is raised."""
    return differences(declared.wanted, found_state(client, declared.wanted), declared.file.unmanaged)


def bring_about(
    client: Client, declared: DeclaredAccess, *, removes: bool = False, password_of: Callable[[str], str] | None = None
) -> BroughtAbout:
    """Make the cluster as declared, and wait until it is; what is there and not declared goes only if asked for.

    A second time there is nothing to do. Raises AclMissingError, KafkaDeniedError, NoAuthorizerError, UnreachableError.
    """
    found = look(client, declared)
    done = [each for each in found if each.is_applicable(removes=removes, has_passwords=password_of is not None)]
    if done:
        apply(client, done, declared.wanted, password_of or _no_password)
    return BroughtAbout(done=done, left=[each for each in found if each not in done])


def _no_password(name: str) -> str:
    raise DeclarationError(f"password of {name}", "there is no folder for it", "name one with --passwords")


def _text(path: Path) -> str | None:
    """What the file holds; None where there is none at the usual place."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path == FILE:
            return None
        raise DeclarationError(str(path), "is not there", "name another file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(str(path), f"cannot be read: {error}", "write text, in UTF-8") from error


def _shown(path: Path) -> str:
    return ACCESS_FILE if path == FILE else str(path)
