"""The registry in Postgres: ids are allotted here, once; texts and versions are facts, states and settings may change.

A version without a state is not written down in git yet: nobody sees it. Touches Postgres.
"""

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import psycopg

from analytics_platform.errors import SchemaConflictError, SchemaStoreError
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.product import Compatibility
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.schema import digest_of
from analytics_platform.registry.snapshot import Mode, Reference, Setting, Snapshot, Text, Version
from analytics_platform.registry.texts import Proposed, identity_text, whole_text

PUBLISH_LOCK = 7_205_759_403_792_795  # any constant; whoever changes the registry takes this advisory lock
CHANNEL = "schema_change"  # notified with the number of each change


@contextmanager
def publishing(connection: psycopg.Connection) -> Generator[None]:
    """Be the only one who changes the registry; a process that dies lets go of it."""
    connection.execute("select pg_advisory_lock(%s)", [PUBLISH_LOCK])
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("select pg_advisory_unlock(%s)", [PUBLISH_LOCK])


def change_number(connection: psycopg.Connection) -> int:
    """How often anything has changed that readers would notice."""
    found = connection.execute("select number from schema_change").fetchone()
    return found[0] if found else 0


def read_snapshot(connection: psycopg.Connection) -> Snapshot:
    """All that can be seen. Raises SchemaStoreError for a text that is not what got its id.

    What changes meanwhile may be in it, and the number is then too low: whoever compares it reads once more.
    """
    number = change_number(connection)
    rows = connection.execute(
        "select subject, version, id, state from schema_version join schema_state using (subject, version)"
        " order by subject, version"
    ).fetchall()
    settings = connection.execute("select subject, compatibility, mode from schema_setting").fetchall()
    texts = {text.id: text for text in _texts(connection)}  # last: they are never fewer
    versions = [
        Version(subject=subject, version=version, text=texts[id_], state=VersionState(state))
        for subject, version, id_, state in rows
    ]
    snapshot = Snapshot(
        change=number,
        texts={version.text.id: version.text for version in versions},
        subjects=_by_subject([v for v in versions if v.state is not VersionState.REMOVED]),
        removed=_by_subject([v for v in versions if v.state is VersionState.REMOVED]),
        settings={subject: _setting(level, mode) for subject, level, mode in settings},
    )
    _require_intact(snapshot)
    return snapshot


def _by_subject(versions: Iterable[Version]) -> dict[str, tuple[Version, ...]]:
    found: dict[str, list[Version]] = {}
    for version in versions:
        found.setdefault(version.subject, []).append(version)
    return {subject: tuple(some) for subject, some in found.items()}


def stream_schemas(connection: psycopg.Connection, stream: str) -> StreamSchemas | None:
    """What the stream's values may be written in and read with now; None if nothing of it is published."""
    snapshot = read_snapshot(connection)
    return schemas_in(snapshot, stream)


def schemas_in(snapshot: Snapshot, stream: str) -> StreamSchemas | None:
    """The same, of a snapshot. Deleted and removed versions stay readable, and are no candidates for readers. Pure."""
    subject = f"{stream}-value"
    gone = snapshot.removed.get(subject, ())
    writers = {v.text.id: _schema(v, snapshot) for v in (*gone, *snapshot.versions(subject, deleted=True))}
    published = [v for v in snapshot.versions(subject) if v.state is VersionState.PUBLISHED]
    if not published:
        return None
    active = {version.text.id for version in published}
    left = frozenset(writers) - active
    return StreamSchemas(stream=stream, reader=writers[published[-1].text.id], writers=writers, deprecated=left)


def _schema(version: Version, snapshot: Snapshot) -> Schema:
    text = version.text
    return Schema(
        id=text.id,
        guid=text.guid,
        subject=version.subject,
        version=version.version,
        format=text.format,
        text=whole_text(text, snapshot.text_of),
    )


def _texts(connection: psycopg.Connection) -> Iterable[Text]:
    rows = connection.execute("select id, guid, sha256, format, body, refs from schema_text order by id").fetchall()
    for id_, guid, sha256, format_, body, references in rows:
        yield Text(
            id=id_,
            guid=guid,
            sha256=sha256,
            format=SchemaFormat(format_),
            body=body,
            references=tuple(Reference(r["name"], r["subject"], r["version"]) for r in references),
        )


def _setting(level: str | None, mode: str | None) -> Setting:
    return Setting(compatibility=Compatibility(level) if level else None, mode=Mode(mode) if mode else None)


def _require_intact(snapshot: Snapshot) -> None:
    """Every text must still have the digest that got its id."""
    for text in snapshot.texts.values():
        found = digest_of(identity_text(text.body, text.references, f"schema {text.id} in Postgres"))
        if found != text.sha256:
            raise SchemaStoreError(text.id, f"its sha256 is {found}, and {text.sha256} got the id")


def find_text(connection: psycopg.Connection, sha256: str) -> int | None:
    """The id of a text, whether it can be seen yet or not."""
    row = connection.execute("select id from schema_text where sha256 = %s", [sha256]).fetchone()
    return row[0] if row else None


def has_id(connection: psycopg.Connection, id_: int) -> bool:
    """Whether that id was ever given."""
    return connection.execute("select from schema_text where id = %s", [id_]).fetchone() is not None


def id_of_version(connection: psycopg.Connection, subject: str, version: int) -> int | None:
    """Which text a version is, whether it can be seen yet or not; None if the subject never gave that number."""
    row = connection.execute(
        "select id from schema_version where subject = %s and version = %s", [subject, version]
    ).fetchone()
    return row[0] if row else None


def pending(connection: psycopg.Connection) -> list[tuple[str, int, Text]]:
    """Versions that were allotted and are not known to be in git: subject, number, text; oldest first."""
    texts = {text.id: text for text in _texts(connection)}
    rows = connection.execute(
        "select subject, version, id from schema_version v where not exists"
        " (select from schema_state s where s.subject = v.subject and s.version = v.version)"
        " order by allotted_at, subject, version"
    ).fetchall()
    return [(subject, version, texts[id_]) for subject, version, id_ in rows]


def highest_version(connection: psycopg.Connection, subject: str) -> int:
    """The highest number that a subject ever gave, 0 if none."""
    row = connection.execute("select max(version) from schema_version where subject = %s", [subject]).fetchone()
    return row[0] or 0 if row else 0


def allot(connection: psycopg.Connection, subject: str, version: int, proposed: Proposed, *, above: int) -> Text:
    """Give the text an id, unless it has one, and the subject that version of it; one transaction.

    `above` is the highest id that git knows: a new id is higher than both. Call it under `publishing`.
    """
    with connection.transaction():
        id_ = find_text(connection, proposed.sha256)
        if id_ is None:
            row = connection.execute("select coalesce(max(id), 0) from schema_text").fetchone()
            id_ = max(row[0] if row else 0, above) + 1
            insert_text(connection, id_, proposed)
        known = id_of_version(connection, subject, version)
        if known is None:
            insert_version(connection, subject, version, id_)
        elif known != id_:
            problem = f"has id {known} already, with another text"
            raise SchemaConflictError(f"{subject} version {version}", problem, "give this text the next version")
    return Text(
        id=id_,
        guid=proposed.guid,
        sha256=proposed.sha256,
        format=proposed.format,
        body=proposed.body,
        references=proposed.references,
    )


def insert_text(connection: psycopg.Connection, id_: int, proposed: Proposed) -> None:
    """Record that the text has this id, for ever."""
    references = json.dumps([{"name": r.name, "subject": r.subject, "version": r.version} for r in proposed.references])
    connection.execute(
        "insert into schema_text (id, guid, sha256, format, body, refs) values (%s, %s, %s, %s, %s, %s)",
        [id_, proposed.guid, proposed.sha256, proposed.format, proposed.body, references],
    )


def insert_version(connection: psycopg.Connection, subject: str, version: int, id_: int) -> None:
    """Record that this version of the subject is that text, for ever."""
    connection.execute("insert into schema_version (subject, version, id) values (%s, %s, %s)", [subject, version, id_])


def set_state(connection: psycopg.Connection, subject: str, version: int, state: VersionState) -> None:
    """Say how far a version is now; the first state makes it visible."""
    with connection.transaction():
        connection.execute(
            "insert into schema_state (subject, version, state) values (%s, %s, %s)"
            " on conflict (subject, version) do update set state = excluded.state, changed_at = now()",
            [subject, version, state],
        )
        _changed(connection)


def set_setting(connection: psycopg.Connection, subject: str, setting: Setting) -> None:
    """Say what holds for a subject from now on."""
    with connection.transaction():
        connection.execute(
            "insert into schema_setting (subject, compatibility, mode) values (%s, %s, %s) on conflict (subject)"
            " do update set compatibility = excluded.compatibility, mode = excluded.mode",
            [subject, setting.compatibility, setting.mode],
        )
        _changed(connection)


def _changed(connection: psycopg.Connection) -> None:
    """Within a transaction: readers have something to notice."""
    row = connection.execute("update schema_change set number = number + 1 returning number").fetchone()
    connection.execute("select pg_notify(%s, %s)", [CHANNEL, str(row[0] if row else 0)])
