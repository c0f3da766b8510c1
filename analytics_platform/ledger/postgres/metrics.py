"""What metrics are made of: sums over the newest hour of each stream, made by Postgres; checks that fail, alerts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

HOURS = """
    with newest as (select stream, max(hour) as hour from manifest where stream = any(%s) group by stream),
    latest as (
        select distinct on (m.stream, m.number) m.* from manifest m join newest n using (stream, hour)
        order by m.stream, m.number, m.revision desc)
    select stream, count(*), sum((body ->> 'offsets')::bigint), sum((body ->> 'gaps')::bigint),
        sum((body ->> 'rows')::bigint),
        (select jsonb_object_agg(o.key, o.total) from (
            select e.key, sum(e.value::bigint) as total from latest l, jsonb_each_text(l.body -> 'outcomes') e
            where l.stream = latest.stream group by e.key) o),
        sum((select coalesce(sum(t.value::bigint), 0) from jsonb_each_text(body -> 'too_late') t)),
        sum(jsonb_array_length(body -> 'verdicts')),
        sum((select count(*) from jsonb_array_elements(body -> 'verdicts') v where not (v ->> 'passed')::boolean)),
        avg((body -> 'metrics' ->> 'age_seconds')::float8),
        (array_agg(extract(epoch from published_at - (
            select max(e.value::timestamptz) from jsonb_each_text(body -> 'newest_event_at') e))::float8
            order by number desc))[1],
        max(published_at),
        (select jsonb_object_agg(o.key, o.total) from (
            select e.key, sum(e.value::float8) as total from latest l, jsonb_each_text(l.body -> 'metrics') e
            where l.stream = latest.stream and e.key ~ '^(missing[.]|schema[.]|late_rows$)' group by e.key) o),
        max((body -> 'metrics' ->> 'late_seconds')::float8)
    from latest group by stream order by stream
"""
HOUR_NAMES = (
    *("stream", "batches", "offsets", "gaps", "rows", "outcomes", "too_late", "verdicts", "failed"),
    *("age_seconds", "timeliness_seconds", "at", "measures", "late_seconds"),
)


def newest_hours(connection: psycopg.Connection, streams: Sequence[str]) -> list[dict[str, Any]]:
    """The sums over each stream's newest hour, by name; streams without a batch are left out."""
    return [dict(zip(HOUR_NAMES, row, strict=True)) for row in connection.execute(HOURS, [list(streams)]).fetchall()]


def failing_counts(connection: psycopg.Connection) -> dict[tuple[str, str], int]:
    """By asset and severity, how many checks fail now."""
    rows = connection.execute(
        "select asset, severity, count(distinct check_name) from failing group by asset, severity"
    ).fetchall()
    return {(asset, severity): count for asset, severity, count in rows}


def alert_counts(connection: psycopg.Connection, now: datetime) -> Mapping[str, int]:
    """By severity, how many alerts stand."""
    rows = connection.execute(
        "select coalesce(labels ->> 'severity', 'none'), count(*) from alert"
        " where ends_at is null or ends_at > %s group by 1",
        [now],
    ).fetchall()
    return dict(rows)
