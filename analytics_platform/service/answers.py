"""What clients get, made of a snapshot. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.snapshot import Reference, Setting, Snapshot, Text, Version
from analytics_platform.registry.texts import whole_text
from analytics_platform.service.errors import schema_not_found, subject_not_found, version_not_found

ANY_CONTEXT = ":*:"  # before a prefix: in whatever context


def text_of(snapshot: Snapshot, id_: int) -> Text:
    """The schema of that id."""
    if id_ not in snapshot.texts:
        raise schema_not_found(id_)
    return snapshot.texts[id_]


def about_text(text: Text, snapshot: Snapshot, form: str = "") -> dict[str, Any]:
    """A schema without a subject; in form `resolved` with its references put in."""
    body = whole_text(text, snapshot.text_of) if form == "resolved" else text.body
    kind = {} if text.format is SchemaFormat.AVRO else {"schemaType": str(text.format)}  # Avro is what no type means
    references = {"references": [_reference(r) for r in text.references]} if text.references else {}
    return {**kind, "schema": body, **references, "guid": str(text.guid)}


def about_version(version: Version, snapshot: Snapshot, form: str = "") -> dict[str, Any]:
    """A version with its schema."""
    found = {"subject": version.subject, "version": version.version, "id": version.text.id}
    deleted = {} if version.is_active else {"deleted": True}
    return {**found, **about_text(version.text, snapshot, form), **deleted}


def subjects(snapshot: Snapshot, prefix: str, *, deleted: bool, deleted_only: bool) -> list[str]:
    """The names of the subjects that have versions."""
    names = (name for name in sorted(snapshot.subjects) if name.startswith(prefix.removeprefix(ANY_CONTEXT)))
    if deleted_only:
        return [name for name in names if not snapshot.versions(name)]
    return [name for name in names if snapshot.versions(name, deleted=deleted)]


def versions_of(
    snapshot: Snapshot, subject: str, *, deleted: bool = False, deleted_only: bool = False
) -> list[Version]:
    """A subject's versions, at least one."""
    found = snapshot.versions(subject, deleted=deleted or deleted_only)
    if deleted_only:
        found = tuple(version for version in found if not version.is_active)
    if not found:
        raise subject_not_found(subject)
    return list(found)


def version_of(snapshot: Snapshot, subject: str, number: int | None, *, deleted: bool = False) -> Version:
    """That version, or the latest one."""
    versions_of(snapshot, subject, deleted=deleted)
    found = snapshot.version(subject, number, deleted=deleted)
    if found is None:
        raise version_not_found(number)
    return found


def users_of(snapshot: Snapshot, id_: int, *, subject: str = "", deleted: bool = False) -> list[Version]:
    """The versions that are the schema of that id."""
    text_of(snapshot, id_)
    found = snapshot.uses.get(id_, ())
    return [v for v in found if (v.is_active or deleted) and subject in ("", v.subject)]


def every_schema(snapshot: Snapshot, query: Mapping[str, str], *, deleted: bool, latest: bool) -> list[Version]:
    """The versions of all subjects under a prefix."""
    found: list[Version] = []
    for name in subjects(snapshot, query.get("subjectPrefix", ""), deleted=deleted, deleted_only=False):
        versions = snapshot.versions(name, deleted=deleted)
        found += versions[-1:] if latest else versions
    return found


def level(setting: Setting | None) -> dict[str, str]:
    """A compatibility level, as it is asked for."""
    return {"compatibilityLevel": str(setting.compatibility)} if setting and setting.compatibility else {}


def numbers(versions: Iterable[Version]) -> list[int]:
    """The versions' numbers."""
    return [version.version for version in versions]


def _reference(reference: Reference) -> dict[str, Any]:
    return {"name": reference.name, "subject": reference.subject, "version": reference.version}
