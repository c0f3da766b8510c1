"""The ledger's facts as a pipeline's manifests table keeps them, and how they are put back into an empty ledger."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics_platform.facts import Manifest
from analytics_platform.ledger.manifest import from_json
from analytics_platform.ledger.postgres import failing

PLANNED = """
    select b.stream || '/' || b.number, b.planned_at, b.reader_schema_id, b.contract_digest,
           coalesce((select json_agg(json_build_array(topic_id, partition, start_offset, end_offset)
                                     order by topic_id, partition)
                       from batch_range r where (r.stream, r.number) = (b.stream, b.number)), '[]')::text as ranges,
           coalesce((select json_object_agg(c.digest, c.body) from contract c
                      where c.digest in (b.contract_digest, m.digest)), '{}')::text as contracts
      from unnest(%s::text[], %s::bigint[], %s::text[]) as m(stream, number, digest)
      join batch b on (b.stream, b.number) = (m.stream, m.number)
"""
FACTS = """
    select (select count(*) from manifest where stream = any(%(streams)s))
         + (select count(*) from publication where pipeline = %(pipeline)s)
"""
PUT_CONTRACT = "insert into contract (digest, stream, body) values (%s, %s, %s) on conflict do nothing"
PUT_BATCH = """
    insert into batch (stream, number, hour, state, reader_schema_id, contract_digest, planned_at, landed_rows)
    values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (stream, number) do update set state = excluded.state
"""
PUT_RANGE = "insert into batch_range values (%s, %s, %s, %s, %s, %s) on conflict do nothing"
PUT_RUN = "insert into batch_run values (%s, %s, %s) on conflict do nothing"
PUT_MANIFEST = """
    insert into manifest (stream, number, revision, hour, published_at, body) values (%s, %s, %s, %s, %s, %s)
    on conflict do nothing
"""
PUT_FRONTIER = """
    insert into frontier (stream, topic_id, partition, next_offset, moved_at)
    select r.stream, r.topic_id, r.partition, max(r.end_offset), max(b.planned_at)
      from batch_range r join batch b using (stream, number) where r.stream = any(%s) group by 1, 2, 3
"""
PUT_WATERMARK = "insert into watermark (stream, at) values (%s, %s)"
PUT_PIPELINE = """
    insert into pipeline (name, epoch, clean_end) values (%(name)s, %(epoch)s, false)
    on conflict (name) do update set epoch = excluded.epoch, clean_end = false, lease_open = false
"""
PUT_PUBLICATION = """
    insert into publication (pipeline, epoch, published_at, versions, watermarks) values (%s, %s, %s, %s, %s)
"""
PUBLISHED_BETWEEN = """
    select published_at, stream, number, revision, hour, body from manifest
     where stream = any(%s) and published_at between %s and %s order by published_at, stream, number
"""
# of the newest batches, and of all that are held or make models wait, the last word; what later ones passed is over
LATEST_FAILED = """
    select published_at, stream, number, revision, hour, body from (
        select distinct on (stream, number) * from manifest where stream = any(%s)
         order by stream, number, revision desc) latest
     where body ->> 'resolution' is null and exists (
        select 1 from jsonb_array_elements(body -> 'verdicts') v where not (v ->> 'passed')::boolean)
        or number = (select max(number) from manifest newest where newest.stream = latest.stream)
     order by stream, number
"""
NEWEST_PUBLIC = "select max((versions ->> %(table)s)::bigint) from publication where pipeline = %(pipeline)s"
PLAN_AGAIN = """
    update batch set state = 'planned', landed_rows = null
     where stream = %s and number > %s and state in ('landed', 'judged')
"""
OF_STREAMS = ("batch_run", "batch_range", "batch", "frontier", "watermark")


def planned(connection: psycopg.Connection, manifests: Sequence[Manifest]) -> dict[str, dict[str, Any]]:
    """By batch as text, what was planned of it, in the columns of the manifests table."""
    given = (
        [m.batch.stream for m in manifests],
        [m.batch.number for m in manifests],
        [m.contract_digest for m in manifests],
    )
    names = ("planned_at", "reader_schema_id", "contract_digest", "ranges", "contracts")
    rows = connection.execute(PLANNED, given).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def last_published(connection: psycopg.Connection, pipeline: str) -> datetime | None:
    """When the newest cut was published; None before the first."""
    row = connection.execute(
        "select published_at from publication where pipeline = %s order by number desc limit 1", [pipeline]
    ).fetchone()
    return row[0] if row else None


def is_known(connection: psycopg.Connection, stream: str, number: int, planned_at: datetime) -> bool:
    """Whether the ledger has that batch, and not another of that number."""
    row = connection.execute(
        "select exists (select 1 from batch where stream = %s and number = %s and planned_at = %s)",
        [stream, number, planned_at],
    ).fetchone()
    return bool(row and row[0])


def published_between(
    connection: psycopg.Connection, streams: Sequence[str], first: datetime, last: datetime
) -> dict[datetime, list[Manifest]]:
    """By instant, the manifests that were published then, both ends included; oldest first."""
    found: dict[datetime, list[Manifest]] = {}
    for at, *facts in connection.execute(PUBLISHED_BETWEEN, [list(streams), first, last]).fetchall():
        found.setdefault(at, []).append(from_json(*facts))
    return found


def newest_public(connection: psycopg.Connection, pipeline: str, table: str) -> int:
    """The highest version of a table that any cut still kept refers to; -1 for none."""
    row = connection.execute(NEWEST_PUBLIC, {"pipeline": pipeline, "table": table}).fetchone()
    return row[0] if row and row[0] is not None else -1


def plan_again(connection: psycopg.Connection, stream: str, after: int) -> int:
    """Have batches numbered above `after`, landed and not published, read from Kafka again; returns how many."""
    return connection.execute(PLAN_AGAIN, [stream, after]).rowcount


def distrust(connection: psycopg.Connection, pipeline: str) -> None:
    """Have the next writer fence off whoever wrote before it, as after one that did not end in order."""
    connection.execute("update pipeline set clean_end = false where name = %s", [pipeline])


def count_facts(connection: psycopg.Connection, pipeline: str, streams: Sequence[str]) -> int:
    """How many manifests and cuts of the pipeline the ledger has: only what has none is rebuilt."""
    row = connection.execute(FACTS, {"pipeline": pipeline, "streams": list(streams)}).fetchone()
    return row[0] if row else 0


def forget_plans(connection: psycopg.Connection, pipeline: str, streams: Sequence[str]) -> None:
    """Drop what planners recorded since the ledger was lost, and keep them waiting until the transaction ends."""
    connection.execute("select 1 from pipeline where name = %s for update", [pipeline])
    for table in OF_STREAMS:
        connection.execute(f"delete from {table} where stream = any(%s)".encode(), [list(streams)])


def put_batches(connection: psycopg.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows of the manifests table back: batches with their ranges, contracts, runs and manifests.

    Give them oldest first: a batch is left as its latest manifest says.
    """
    with connection.cursor() as cursor:
        cursor.executemany(PUT_CONTRACT, _contracts(rows))
        cursor.executemany(PUT_BATCH, [_batch(row) for row in rows])
        cursor.executemany(PUT_RANGE, _ranges(rows))
        cursor.executemany(PUT_RUN, [(row["run_id"], row["stream"], row["batch"]) for row in rows])
        cursor.executemany(PUT_MANIFEST, [_manifest(row) for row in rows])


def put_pipeline(connection: psycopg.Connection, pipeline: str, streams: Sequence[str], cut: Mapping[str, Any]) -> None:
    """After all batches: the frontier behind them, time as it was recorded, the epoch, and the cut that is public.

    `cut` has the epoch, `published_at`, versions and watermarks.
    """
    connection.execute(PUT_FRONTIER, [list(streams)])
    for stream, at in cut["watermarks"].items():
        connection.execute(PUT_WATERMARK, [stream, at])
    connection.execute(PUT_PIPELINE, {"name": pipeline, "epoch": cut["epoch"]})
    documents = [Jsonb(dict(cut["versions"])), Jsonb(dict(cut["watermarks"]))]
    connection.execute(PUT_PUBLICATION, [pipeline, cut["epoch"], cut["published_at"], *documents])


def put_failing(connection: psycopg.Connection, streams: Sequence[str]) -> None:
    """After all batches: what fails, by their latest manifests; alerts follow from it, models that froze stay so."""
    connection.execute("delete from failing where stream = any(%s) and number > 0", [list(streams)])
    for at, *facts in connection.execute(LATEST_FAILED, [list(streams)]).fetchall():
        failing.note(connection, from_json(*facts), at)


def _contracts(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, Jsonb]]:
    """Each contract once, though every row of it carries it."""
    found = {row["contracts"]: row["stream"] for row in rows}
    bodies = {digest: (stream, body) for text, stream in found.items() for digest, body in json.loads(text).items()}
    return [(digest, stream, Jsonb(body)) for digest, (stream, body) in sorted(bodies.items())]


def _batch(row: Mapping[str, Any]) -> tuple[Any, ...]:
    pins = (row["reader_schema_id"], row["contract_digest"])
    landed = json.loads(row["body"])["rows"]
    return row["stream"], row["batch"], row["hour"], row["state"], *pins, row["planned_at"], landed


def _ranges(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        for topic_id, partition, start, end in json.loads(row["ranges"]):
            yield row["stream"], row["batch"], topic_id, partition, start, end


def _manifest(row: Mapping[str, Any]) -> tuple[Any, ...]:
    body = Jsonb(json.loads(row["body"]))
    return row["stream"], row["batch"], row["revision"], row["hour"], row["published_at"], body
