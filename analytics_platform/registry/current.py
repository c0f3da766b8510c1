"""The schemas that workers use: from Postgres, checked by digest; never from files, once Postgres knows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from analytics_platform.errors import DeclarationError, PlatformError
from analytics_platform.facts import StreamSchemas
from analytics_platform.registry.store import read_snapshot, schemas_in
from analytics_platform.registry.sync import adopt


def current_schemas(
    connection: psycopg.Connection, streams: Sequence[str], schema_dir: Path
) -> tuple[int, dict[str, StreamSchemas]]:
    """The registry's change number and each stream's schemas; what Postgres does not know is adopted from git first.

    Raises DeclarationError for a stream without a published version.
    """
    snapshot, problems = read_snapshot(connection), {}
    if any(schemas_in(snapshot, stream) is None for stream in streams):
        problems = _adopted(connection, schema_dir)
        snapshot = read_snapshot(connection)
    found = {}
    for stream in streams:
        schemas = schemas_in(snapshot, stream)
        if schemas is None:
            if f"{stream}-value" in problems:
                raise problems[f"{stream}-value"]
            remedy = f"set `state: published` for one in schemas/{stream}/subject.yaml, then `ap schema sync`"
            raise DeclarationError(f"stream {stream}", "has no published schema in the registry", remedy)
        found[stream] = schemas
    return snapshot.change, found


def _adopted(connection: psycopg.Connection, schema_dir: Path) -> Mapping[str, PlatformError]:
    """Have Postgres know what git says; what does not fit, by subject. A role that may not change schemas has it be."""
    try:
        return adopt(connection, schema_dir).problems
    except psycopg.errors.InsufficientPrivilege:
        return {}
