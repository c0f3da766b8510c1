"""Dirty grains: what a model must recompute. Marked before silver commits, cleared when the result is published."""

from collections.abc import Collection, Mapping, Sequence

import psycopg

MARK = """
    insert into dirty (model, grain, cause)
    select model, grain, %s from unnest(%s::text[], %s::text[]) as marked(model, grain)
    on conflict (model, grain) do update set mark = nextval('dirty_mark'), cause = excluded.cause
"""
CLEAR = """
    delete from dirty d using unnest(%s::text[], %s::text[], %s::bigint[]) as seen(model, grain, mark)
    where d.model = seen.model and d.grain = seen.grain and d.mark = seen.mark
"""


def mark(connection: psycopg.Connection, grains: Mapping[str, Collection[str]], cause: str) -> None:
    """Have these grains of each model recomputed; one that is dirty already gets a newer mark."""
    if marked := sorted((model, grain) for model, of_model in grains.items() for grain in of_model):
        models, names = zip(*marked, strict=True)
        connection.execute(MARK, [cause, list(models), list(names)])


def marks(connection: psycopg.Connection, model: str, most: int | None = None) -> dict[str, int]:
    """By dirty grain, the mark it carries now; at most so many, the longest dirty first."""
    rows = connection.execute("select grain, mark from dirty where model = %s order by mark limit %s", [model, most])
    return dict(rows.fetchall())


def clear(connection: psycopg.Connection, seen: Mapping[str, Mapping[str, int]]) -> None:
    """Forget the grains whose mark is still the one that was seen, by model: a newer mark means newer rows."""
    found = [(model, grain, mark) for model, marks in seen.items() for grain, mark in marks.items()]
    if found:
        connection.execute(CLEAR, [list(column) for column in zip(*found, strict=True)])


def is_any(connection: psycopg.Connection, models: Sequence[str]) -> bool:
    """Whether any of these models has a dirty grain that can be worked off: it is not frozen."""
    query = (
        "select exists (select 1 from dirty where model = any(%s)"
        " and not exists (select 1 from frozen where frozen.model = dirty.model and thawed_at is null))"
    )
    row = connection.execute(query, [list(models)]).fetchone()
    return bool(row and row[0])
