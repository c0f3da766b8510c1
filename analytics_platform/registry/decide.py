"""Whether a schema may become a subject's next version, by its mode and its compatibility level. Pure."""

from collections.abc import Sequence

from analytics_platform.errors import ForbiddenError
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import Break, breaks, fingerprint
from analytics_platform.registry.snapshot import Mode, Snapshot, Version
from analytics_platform.registry.texts import Proposed, schema_text


def broken(snapshot: Snapshot, subject: str, proposed: Proposed) -> list[str]:
    """Whom the schema would break as the subject's next version, at the subject's own level, in words."""
    earlier = snapshot.versions(subject)
    return in_words(breaks_with(snapshot, proposed, earlier, snapshot.compatibility(subject)), earlier)


def held(snapshot: Snapshot, subject: str, proposed: Proposed, *, deleted: bool = False) -> Version | None:
    """The latest version of the subject that is this schema; where normal forms count, has the same one."""
    found = snapshot.holding(subject, proposed.sha256, deleted=deleted)
    if found or not proposed.normal:
        return found
    wanted = fingerprint(proposed.schema)
    versions = snapshot.versions(subject, deleted=deleted)
    same = [v for v in versions if fingerprint(schema_text(v.text, snapshot.text_of)) == wanted]
    return same[-1] if same else None


def require_writable(snapshot: Snapshot, subject: str) -> None:
    """Raise ForbiddenError where nothing of the subject may change."""
    if snapshot.mode(subject) is not Mode.READWRITE:
        raise ForbiddenError(subject or "the registry", "is in read-only mode", "set its mode to READWRITE")


def breaks_with(
    snapshot: Snapshot, proposed: Proposed, earlier: Sequence[Version], level: Compatibility
) -> list[Break]:
    """Why the schema must not follow those versions at that level."""
    old = [schema_text(version.text, snapshot.text_of) for version in earlier]
    return breaks(proposed.schema, old, level)


def in_words(found: Sequence[Break], earlier: Sequence[Version]) -> list[str]:
    """Each break with the version that it is about."""
    return [f"version {earlier[each.against].version}: {each}" for each in found]
