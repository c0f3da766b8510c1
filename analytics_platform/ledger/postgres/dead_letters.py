"""How far a stream's dead letters were sent: by the place of manifests in the order of their publication."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from analytics_platform.facts import Outcome

LOCK = 7_205_759_403_792_795  # any constant: one sender at a time
# A manifest that a later one replaces says nothing any more: the later one does, in its place.
UNSENT = """
    select number, place, body ->> 'topic_id', case when exists (
            select 1 from manifest later where (later.stream, later.number) = (m.stream, m.number)
            and later.revision > m.revision) then 0
        else (select coalesce(sum(value::bigint), 0) from jsonb_each_text(body -> 'outcomes')
              where key = any(%(dead)s))::bigint end
    from manifest m where stream = %(stream)s and place > coalesce(
        (select place from dead_letter where stream = %(stream)s and topic = %(topic)s), 0)
    order by place limit %(most)s
"""
SENT = """
    insert into dead_letter (stream, topic, place) values (%s, %s, %s)
    on conflict (stream, topic) do update set place = greatest(dead_letter.place, excluded.place)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A manifest of a batch: its place, the topic that was read, and how many rows of the batch are dead letters."""

    number: int
    place: int
    topic_id: str | None
    rows: int


def try_lock(connection: psycopg.Connection) -> bool:
    """Whether this connection is the one that sends, until it is closed."""
    row = connection.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])


def unsent(
    connection: psycopg.Connection, stream: str, topic: str, dead: Sequence[Outcome], most: int
) -> list[Judgement]:
    """The first manifests that the topic has not heard of, in the order of their publication."""
    given = {"stream": stream, "topic": topic, "dead": [str(outcome) for outcome in dead], "most": most}
    rows = connection.execute(UNSENT, given).fetchall()
    return [Judgement(number=n, place=place, topic_id=topic_id, rows=count) for n, place, topic_id, count in rows]


def sent(connection: psycopg.Connection, stream: str, topic: str, place: int) -> None:
    """The topic has all of the manifests up to that place."""
    connection.execute(SENT, [stream, topic, place])
