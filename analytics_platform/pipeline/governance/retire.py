"""Deprecating and archiving versions: producers hear of it in time, and nothing is archived that anything needs."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from analytics_platform.errors import DeclarationError, ForbiddenError, StillNeededError
from analytics_platform.governance.consumers import consumers_of
from analytics_platform.governance.lifecycle import Act, Stage, require
from analytics_platform.governance.policy import Person
from analytics_platform.governance.record import Fact, Step
from analytics_platform.ingest.records import RecordReader
from analytics_platform.lake import shapes
from analytics_platform.lake.tables import Table
from analytics_platform.pipeline.admission import stream_of
from analytics_platform.pipeline.governance.desk import Desk
from analytics_platform.pipeline.governance.need import Sought, of_bronze, of_kafka, of_pins, written_in
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot, Version
from analytics_platform.registry.store import schemas_in

STAGES = {
    VersionState.PUBLISHED: Stage.PUBLISHED,
    VersionState.DEPRECATED: Stage.DEPRECATED,
    VersionState.ARCHIVED: Stage.ARCHIVED,
}


def deprecate(
    registrar: Registrar, desk: Desk, snapshot: Snapshot, version: Version, sunset: date | None, who: Person | None
) -> date:
    """Say that producers should leave a version, and until when they may stay; returns that day."""
    require(Act.DEPRECATE, stage_of(version), name_of(version))
    published = [v for v in snapshot.versions(version.subject) if v.state is VersionState.PUBLISHED]
    if published == [version]:
        problem = "is the only published version: a stream would have nothing to be read with"
        raise ForbiddenError(name_of(version), problem, "publish the next one first")
    until = sunset or (desk.now() + desk.policy().sunset).date()
    desk.facts.record(_fact(desk, version, Step.DEPRECATED, who, {"sunset": until.isoformat()}))
    registrar.set_states(version.subject, [version], VersionState.DEPRECATED, until)
    warned = {"owner": desk.owner(version.subject), "sunset": until.isoformat()}
    desk.tell("version deprecated", f"{name_of(version)} for its producers", warned)
    for each in consumers_of(desk.consumers(), version.subject, version.version):
        body = {"owner": each.owner, "consumer": each.name, "sunset": until.isoformat()}
        desk.tell("version deprecated", f"{name_of(version)} for {each.name}", body)
    return until


def archive(registrar: Registrar, desk: Desk, version: Version, needed_by: Sequence[str], who: Person | None) -> None:
    """Put a version away that nothing needs; raises StillNeededError, and that is a fact too."""
    require(Act.ARCHIVE, stage_of(version), name_of(version))
    if needed_by:
        desk.facts.record(_fact(desk, version, Step.KEPT, who, {"needed by": list(needed_by)}))
        raise StillNeededError(version.subject, version.version, needed_by)
    desk.facts.record(_fact(desk, version, Step.ARCHIVED, who, {}))
    registrar.set_states(version.subject, [version], VersionState.ARCHIVED)


def needed_by(
    registrar: Registrar, desk: Desk, snapshot: Snapshot, version: Version, tables: Path, reader: RecordReader
) -> list[str]:
    """Everything that needs a version, in words; empty if it can be archived."""
    found = [f"{other.subject} version {other.version}, which refers to it" for other in snapshot.referring_to(version)]
    found += [
        f"consumer {each.name} ({each.owner}), which reads it"
        for each in consumers_of(desk.consumers(), version.subject, version.version)
        if each.version == version.version
    ]
    stream = stream_of(desk.declared, version.subject)
    schemas = schemas_in(snapshot, stream.name) if stream else None
    if stream is None or schemas is None:
        return found
    shape = shapes.bronze(stream.name)
    if not (tables / shape.name).exists():
        return [*found, *_unread(reader, stream.topic)]
    table = Table.open(tables, shape)
    sought = Sought(stream=stream, schemas=schemas, id=version.text.id)
    written = written_in(table, sought)
    return [
        *found,
        *of_kafka(written, reader, registrar.connection, sought),
        *of_bronze(written, shape.name),
        *of_pins(registrar.connection, stream.name, version.text.id, table.files()),
    ]


def _unread(reader: RecordReader, topic: str) -> list[str]:
    """Without bronze nobody has looked at what Kafka keeps: whatever that is, it may be in the version."""
    kept = [each for each in reader.offsets([topic])[topic] if each.stable_end > each.first]
    return [f"offset {each.first} of {topic}-{each.partition}, which nobody has read yet" for each in kept[:1]]


def stage_of(version: Version) -> Stage:
    """How far a version is; raises ForbiddenError for one that a client deleted."""
    if version.state not in STAGES:
        raise ForbiddenError(name_of(version), f"is {version.state}", "it was deleted over HTTP; its id stays")
    return STAGES[version.state]


def version_of(snapshot: Snapshot, subject: str, number: int) -> Version:
    """A version that has an id."""
    found = snapshot.version(subject, number, deleted=True)
    if found is None:
        known = ", ".join(str(v.version) for v in snapshot.versions(subject, deleted=True)) or "none"
        raise DeclarationError(subject, f"has no version {number} (it has: {known})", "`ap schema list` shows all")
    return found


def name_of(version: Version) -> str:
    """As people name it."""
    return f"{version.subject} version {version.version}"


def _fact(desk: Desk, version: Version, step: Step, who: Person | None, details: dict[str, object]) -> Fact:
    return Fact(
        subject=version.subject,
        version=version.version,
        step=step,
        digest=version.text.sha256,
        who=who.name if who else desk.asker,
        at=desk.now(),
        details=details,
    )
