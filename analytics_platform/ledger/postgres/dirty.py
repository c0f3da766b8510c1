"""Dirty grains: what a model must recompute. Marked before silver commits, cleared when the result is published."""

from collections.abc import Collection, Mapping, Sequence

import psycopg

MARK = """
    insert into dirty (model, grain, cause) select %s, unnest(%s::bigint[]), %s
    on conflict (model, grain) do update set mark = nextval('dirty_mark'), cause = excluded.cause
"""


def mark(connection: psycopg.Connection, model: str, grains: Collection[int], cause: str) -> None:
    """Have these grains recomputed; one that is dirty already gets a newer mark."""
    if grains:
        connection.execute(MARK, [model, sorted(grains), cause])


def marks(connection: psycopg.Connection, model: str) -> dict[int, int]:
    """By grain that is due, the mark it carries now."""
    rows = connection.execute(
        "select grain, mark from dirty where model = %s and (due_at is null or due_at <= now()) order by grain", [model]
    )
    return dict(rows.fetchall())


def clear(connection: psycopg.Connection, model: str, seen: Mapping[int, int]) -> None:
    """Forget the grains whose mark is still the one that was seen: a newer mark means newer rows."""
    connection.execute(
        "delete from dirty d using unnest(%s::bigint[], %s::bigint[]) as seen(grain, mark)"
        " where d.model = %s and d.grain = seen.grain and d.mark = seen.mark",
        [list(seen), list(seen.values()), model],
    )


def is_any(connection: psycopg.Connection, models: Sequence[str]) -> bool:
    """Whether any of these models has a grain that is due."""
    query = "select exists (select 1 from dirty where model = any(%s) and (due_at is null or due_at <= now()))"
    row = connection.execute(query, [list(models)]).fetchone()
    return bool(row and row[0])
