"""Whether a schema may be published: what it would break, and whether the stream's tables and models could follow.

Writes nothing. Who must agree to it is another question: a `Permit` answers it (`governance/gate.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from analytics_platform.errors import DeclarationError, IncompatibleError
from analytics_platform.facts import Schema, StreamSchemas
from analytics_platform.ingest.decode import check_encoding
from analytics_platform.pipeline.parts import pipeline_shapes
from analytics_platform.pipeline.schema_change import effects
from analytics_platform.product import Catalog, Pipeline, Stream
from analytics_platform.registry.compatibility import fingerprint, normalize
from analytics_platform.registry.compatibility.effects import key_breaks
from analytics_platform.registry.decide import broken, held, require_writable
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.store import schemas_in
from analytics_platform.registry.texts import Proposed, schema_text

LAKE = "LAKE"  # not a level that anybody can turn off: a stream that cannot follow stands still
PROPOSED_ID = 0
Judge = Callable[[Snapshot, str, Proposed], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Whom a schema would hurt, in words: readers and writers by the subject's level, and what could not follow it."""

    readers: tuple[str, ...] = ()
    lake: tuple[str, ...] = ()


Permit = Callable[[Snapshot, str, Proposed, Damage], None]  # raises what it objects with


def no_damage(snapshot: Snapshot, subject: str, _: Proposed, damage: Damage) -> None:
    """Permit what hurts nobody, whoever wrote it; raises IncompatibleError."""
    if damage.readers:
        raise IncompatibleError(subject, snapshot.compatibility(subject), damage.readers)
    if damage.lake:
        raise IncompatibleError(subject, LAKE, damage.lake)


def judge_of(declared: Catalog, permit: Permit = no_damage) -> Judge:
    """What decides on a publish: the subject's mode first, then what the damage and the policy say."""

    def judge(snapshot: Snapshot, subject: str, proposed: Proposed) -> None:
        require_writable(snapshot, subject)
        if not held(snapshot, subject, proposed):
            permit(snapshot, subject, proposed, damage_of(declared, snapshot, subject, proposed))

    return judge


def damage_of(declared: Catalog, snapshot: Snapshot, subject: str, proposed: Proposed) -> Damage:
    """Whom the schema would hurt as the subject's next version."""
    return Damage(
        readers=tuple(broken(snapshot, subject, proposed)),
        lake=tuple(objections(declared, snapshot, subject, proposed)),
    )


def stream_of(declared: Catalog, subject: str) -> Stream | None:
    """The declared stream whose values the subject describes; None if there is none."""
    return declared.streams.get(subject.removesuffix("-value")) if subject.endswith("-value") else None


def objections(declared: Catalog, snapshot: Snapshot, subject: str, proposed: Proposed) -> list[str]:
    """Why the stream that reads this subject would stand still; empty if none does, or it could follow."""
    if subject.endswith("-key"):
        return _of_key(declared, snapshot, subject, proposed)
    stream = stream_of(declared, subject)
    if stream is None or held(snapshot, subject, proposed):
        return []
    before, after = schemas_in(snapshot, stream.name), as_if_published(snapshot, stream.name, proposed)
    try:
        check_encoding(stream, after)
        pipeline = declared.pipelines[stream.pipeline]
        if before and (found := effects(pipeline, stream.name, before.reader, after.reader)):
            return [f"version {before.reader.version}: {each}" for each in found]
        _require_models(pipeline, snapshot, after)
    except DeclarationError as error:
        return [f"{error} (hurts the lake, or a model)"]
    return []


def _of_key(declared: Catalog, snapshot: Snapshot, subject: str, proposed: Proposed) -> list[str]:
    """A declared stream keeps its key: copies of an event share it, hence their partition and their order."""
    earlier = snapshot.versions(subject)
    if subject.removesuffix("-key") not in declared.streams or not earlier or held(snapshot, subject, proposed):
        return []
    latest = schema_text(earlier[-1].text, snapshot.text_of)
    if fingerprint(latest) == fingerprint(proposed.schema):
        return []
    found = key_breaks(normalize(latest), normalize(proposed.schema))
    return [f"version {earlier[-1].version}: {each}" for each in found]


def as_if_published(snapshot: Snapshot, stream: str, proposed: Proposed) -> StreamSchemas:
    """The stream's schemas if the proposed one were its reader."""
    known = schemas_in(snapshot, stream)
    version = 1 + max((v.version for v in snapshot.versions(f"{stream}-value", deleted=True)), default=0)
    reader = Schema(
        id=PROPOSED_ID,
        guid=UUID(int=0),
        subject=f"{stream}-value",
        version=version,
        format=proposed.format,
        text=proposed.whole(snapshot.text_of),
    )
    writers = {**(known.writers if known else {}), PROPOSED_ID: reader}
    return (
        replace(known, reader=reader, writers=writers)
        if known
        else StreamSchemas(stream=stream, reader=reader, writers=writers)
    )


def _require_models(pipeline: Pipeline, snapshot: Snapshot, after: StreamSchemas) -> None:
    """Raise DeclarationError for a model that cannot be computed any more; not asked while a stream has no schema."""
    schemas = {name: schemas_in(snapshot, name) for name in pipeline.stream_names} | {after.stream: after}
    known = {name: found for name, found in schemas.items() if found is not None}
    if len(known) == len(schemas):
        pipeline_shapes(pipeline, known)
