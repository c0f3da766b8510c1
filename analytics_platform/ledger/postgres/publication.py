"""The publish point: one transaction after which readers see a cycle's tables, or nothing of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from analytics_platform.facts import Manifest
from analytics_platform.ledger.manifest import from_json, to_json
from analytics_platform.ledger.postgres import attempts, dirty, failing, frozen, timers
from analytics_platform.ledger.postgres.attempts import Reworked
from analytics_platform.ledger.postgres.lease import Lease, require_epoch
from analytics_platform.ledger.rework import RETRACTED, Kind, state_of

ADD_MANIFEST = """
    insert into manifest (stream, number, revision, hour, published_at, body)
    values (%s, %s, %s, %s, %s, %s)
"""
ADD_PUBLICATION = """
    insert into publication (pipeline, epoch, published_at, versions, watermarks) values (%s, %s, %s, %s, %s)
"""
NEWEST = "select versions from publication where pipeline = %s order by number desc limit 1"
NEWEST_AT = """
    select versions from publication where pipeline = %s and published_at <= %s
    order by published_at desc, number desc limit 1
"""
BYTES_PER_ROW = """
    select sum(bytes) / nullif(sum(rows), 0) from (
        select (body -> 'metrics' ->> 'bytes')::float8 as bytes, (body ->> 'rows')::bigint as rows from manifest
        where stream = %s order by number desc, revision desc limit 20) latest where bytes is not null
"""
LATEST_MANIFESTS = """
    select distinct on (stream, number) stream, number, revision, hour, body from manifest
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What one cycle wants public: manifests, every table's version, and the dirty marks it has worked off.

    `watermarks` are those of the streams that its models were computed at; `reworked` what it judged again; `frozen`
    by model that was kept back the broken columns for which it was; None where no model was looked at.
    """

    manifests: Sequence[Manifest]
    versions: Mapping[str, int]
    seen_marks: Mapping[str, Mapping[str, int]]
    published_at: datetime
    watermarks: Mapping[str, datetime] = field(default_factory=dict)
    reworked: Reworked | None = None
    frozen: Mapping[str, Sequence[tuple[str, str | None]]] | None = None


def publish(connection: psycopg.Connection, lease: Lease, cycle: Cycle) -> None:
    """Make a cycle public, all of it or nothing; FencedError if a newer writer has come."""
    with connection.transaction():
        require_epoch(connection, lease)
        for manifest in cycle.manifests:
            _add(connection, manifest, cycle.published_at)
        dirty.clear(connection, cycle.seen_marks)
        if cycle.frozen is not None:
            frozen.keep(connection, lease.pipeline, cycle.frozen, lease.epoch, cycle.published_at)
        timers.move_on(connection, cycle.watermarks)
        if cycle.reworked:
            attempts.finish(connection, cycle.reworked, cycle.published_at)
        watermarks = {stream: at.isoformat() for stream, at in cycle.watermarks.items()}
        connection.execute(
            ADD_PUBLICATION,
            [lease.pipeline, lease.epoch, cycle.published_at, Jsonb(dict(cycle.versions)), Jsonb(watermarks)],
        )


def _add(connection: psycopg.Connection, manifest: Manifest, at: datetime) -> None:
    batch = manifest.batch
    failed = _newly_failed(connection, manifest)
    failing.note(connection, manifest, at)
    body = Jsonb(to_json(manifest))
    connection.execute(ADD_MANIFEST, [batch.stream, batch.number, manifest.revision, manifest.hour, at, body])
    connection.execute(
        "update batch set state = %s where stream = %s and number = %s",
        [state_of(manifest), batch.stream, batch.number],
    )
    if reason := _taken_back(manifest):
        connection.execute(
            "insert into outbox (kind, key, body, created_at) values ('batch retracted', %s, %s, %s)",
            [str(batch), Jsonb({"reason": reason}), at],
        )
    if failed:
        note = {"failed": failed, "hour": manifest.hour.isoformat()}
        connection.execute(
            "insert into outbox (kind, key, body, created_at) values ('verdict', %s, %s, %s)",
            [str(batch), Jsonb(note), at],
        )


def _taken_back(manifest: Manifest) -> str | None:
    """Why rows that readers had are gone, if this very order took them; they are told of it."""
    reason = manifest.resolution or ""
    return reason if manifest.cause.startswith(Kind.RETRACT) and reason.startswith(RETRACTED) else None


def _newly_failed(connection: psycopg.Connection, manifest: Manifest) -> list[str]:
    """The failed checks that nobody has been told of: not settled by a person, and not in the revision before."""
    failed = [v for v in manifest.verdicts if not v.passed and manifest.resolution is None]
    before = manifest_of(connection, *astuple(manifest.batch)) if failed and manifest.revision > 1 else None
    told = {(v.asset, v.check) for v in before.verdicts if not v.passed} if before else set()
    return [f"{v.asset}: {v.check}" for v in failed if (v.asset, v.check) not in told]


def published_versions(connection: psycopg.Connection, pipeline: str, at: datetime | None = None) -> dict[str, int]:
    """By table, the version that readers may see (as of `at`); empty before the first publication."""
    found = connection.execute(NEWEST, [pipeline]) if at is None else connection.execute(NEWEST_AT, [pipeline, at])
    row = found.fetchone()
    return row[0] if row else {}


def manifest_of(connection: psycopg.Connection, stream: str, number: int) -> Manifest | None:
    """The latest revision of a batch's manifest."""
    query = LATEST_MANIFESTS + " where stream = %s and number = %s order by stream, number, revision desc"
    row = connection.execute(query.encode(), [stream, number]).fetchone()
    return from_json(*row) if row else None


def manifests_of_hours(
    connection: psycopg.Connection, streams: Sequence[str], hours: Sequence[datetime]
) -> list[Manifest]:
    """The latest revision of each batch's manifest of those hours, oldest first."""
    query = LATEST_MANIFESTS + " where stream = any(%s) and hour = any(%s) order by stream, number, revision desc"
    rows = connection.execute(query.encode(), [list(streams), list(hours)]).fetchall()
    return [from_json(*row) for row in rows]


def manifests_of(connection: psycopg.Connection, stream: str, numbers: Sequence[int]) -> dict[int, Manifest]:
    """By number, the latest revision of the manifests of those batches."""
    query = LATEST_MANIFESTS + " where stream = %s and number = any(%s) order by stream, number, revision desc"
    rows = connection.execute(query.encode(), [stream, list(numbers)]).fetchall()
    return {row[1]: from_json(*row) for row in rows}


def bytes_per_row(connection: psycopg.Connection, stream: str) -> float | None:
    """How large the stream's rows were in its last batches: key, value and headers; None where nothing is known."""
    row = connection.execute(BYTES_PER_ROW, [stream]).fetchone()
    return row[0] if row else None


def newest_event_at(
    connection: psycopg.Connection, stream: str, before: int, topic_id: UUID | None
) -> dict[int, datetime]:
    """By partition of that topic, the highest event time of all batches numbered below `before`; {} for a new topic."""
    row = connection.execute(
        "select body -> 'newest_event_at', body ->> 'topic_id' from manifest where stream = %s and number < %s"
        " order by number desc, revision desc limit 1",
        [stream, before],
    ).fetchone()
    if row is None or row[1] not in (None, str(topic_id)):
        return {}
    return {int(p): datetime.fromisoformat(at) for p, at in row[0].items()}


def as_text(manifest: Manifest) -> str:
    """The manifest as one line of JSON, for logs and the command line."""
    return json.dumps({"batch": str(manifest.batch), "revision": manifest.revision, **to_json(manifest)})


def oldest_versions(connection: psycopg.Connection, pipeline: str) -> dict[str, int]:
    """By table, the version of the oldest cut that is kept."""
    row = connection.execute(
        "select versions from publication where pipeline = %s order by number limit 1", [pipeline]
    ).fetchone()
    return row[0] if row else {}


def forget(connection: psycopg.Connection, pipeline: str, before: datetime) -> int:
    """Drop cuts that were superseded before that instant; returns how many. What was public then is kept."""
    gone = connection.execute(
        "delete from publication where pipeline = %s"
        " and number < (select max(number) from publication where pipeline = %s and published_at < %s)",
        [pipeline, pipeline, before],
    )
    return gone.rowcount
