"""Dirty grains: what a model must recompute. Marked before silver commits, cleared when the result is published."""

from collections.abc import Collection, Mapping, Sequence

import psycopg

MARK = """
    insert into dirty (model, grain, cause) select %s, unnest(%s::text[]), %s
    on conflict (model, grain) do update set mark = nextval('dirty_mark'), cause = excluded.cause
"""


def mark(connection: psycopg.Connection, model: str, grains: Collection[str], cause: str) -> None:
    """Have these grains recomputed; one that is dirty already gets a newer mark."""
    if grains:
        connection.execute(MARK, [model, sorted(grains), cause])


def marks(connection: psycopg.Connection, model: str, most: int | None = None) -> dict[str, int]:
    """By dirty grain, the mark it carries now; at most so many, the longest dirty first."""
    rows = connection.execute("select grain, mark from dirty where model = %s order by mark limit %s", [model, most])
    return dict(rows.fetchall())


def clear(connection: psycopg.Connection, model: str, seen: Mapping[str, int]) -> None:
    """Forget the grains whose mark is still the one that was seen: a newer mark means newer rows."""
    connection.execute(
        "delete from dirty d using unnest(%s::text[], %s::bigint[]) as seen(grain, mark)"
        " where d.model = %s and d.grain = seen.grain and d.mark = seen.mark",
        [list(seen), list(seen.values()), model],
    )


def is_any(connection: psycopg.Connection, models: Sequence[str]) -> bool:
    """Whether any of these models has a dirty grain that can be worked off: it is not frozen."""
    query = (
        "select exists (select 1 from dirty where model = any(%s)"
        " and not exists (select 1 from frozen where frozen.model = dirty.model and thawed_at is null))"
    )
    row = connection.execute(query, [list(models)]).fetchone()
    return bool(row and row[0])
