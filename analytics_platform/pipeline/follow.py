"""Following the registry while a lease runs: a version that was published is used from the next planning on."""

import logging

from analytics_platform.errors import DeclarationError
from analytics_platform.pipeline.parts import Parts, pipeline_shapes
from analytics_platform.registry.store import change_number, read_snapshot, schemas_in

log = logging.getLogger(__name__)


def follow_schemas(parts: Parts) -> None:
    """Use what is published now: to be called after the offsets were asked for, and before they are planned.

    In this order no planned record is in a schema that was published later than what its batch is pinned to: a producer
    can write in a version only once it is published. Raises DeclarationError where a table cannot follow.
    """
    number = change_number(parts.ledger)
    if number == parts.followed.change:
        return
    snapshot = read_snapshot(parts.ledger)
    found = dict(parts.schemas)
    for stream in parts.pipeline.stream_names:
        schemas = schemas_in(snapshot, stream)
        if schemas is None:
            remedy = f"publish one again: state in schemas/{stream}/subject.yaml, then `ap schema sync`"
            raise DeclarationError(f"stream {stream}", "has no published schema any more", remedy)
        found[stream] = schemas
    if found != parts.schemas:
        changed = parts.tables.reshape(pipeline_shapes(parts.pipeline, found))
        parts.schemas.update(found)
        parts.followed.is_new = True
        readers = {stream: schemas.reader.version for stream, schemas in found.items()}
        log.info("schemas.followed", extra={"pipeline": parts.pipeline.name, "versions": readers, "tables": changed})
    parts.followed.change = snapshot.change
