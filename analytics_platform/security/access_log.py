"""Who asked for what, and whether they got it, in Postgres, which refuses to change it. Touches Postgres."""

import json
from datetime import datetime
from typing import Any

import psycopg

from analytics_platform.errors import TokenError
from analytics_platform.security.asker import NOBODY, AccessFact, Asker, Wanted, fact_of, refusal
from analytics_platform.security.roles import Action

COLUMNS = "at, who, known_by, via, action, target, problem, details"
NEWEST = f"""
    select {COLUMNS} from access_fact
    where (%(who)s = '' or who = %(who)s) and (not %(denied)s or problem <> '') order by number desc limit %(limit)s
"""


def record(connection: psycopg.Connection, fact: AccessFact) -> None:
    """Keep a fact."""
    connection.execute(
        f"insert into access_fact ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(fact.at, fact.who, fact.known_by, fact.wanted.via, fact.wanted.action),
            *(_text(fact.wanted.target), fact.problem and _text(fact.problem)),
            json.dumps({name: _clean(value) for name, value in fact.wanted.details.items()}, default=str),
        ],
    )


def _clean(value: Any) -> Any:
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """What Postgres takes: whoever asks chooses it, and may choose what is no text there."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def record_bad_token(connection: psycopg.Connection, wanted: Wanted, error: TokenError, now: datetime) -> None:
    """Keep that somebody asked who showed no token, or none that is good."""
    fact = AccessFact(at=now, who=NOBODY, known_by="no token that is good", wanted=wanted, problem=str(error))
    record(connection, fact)


def newest(connection: psycopg.Connection, limit: int, who: str = "", *, denied: bool = False) -> list[AccessFact]:
    """The newest facts, the newest first: of one person, or of everybody; all, or what was denied."""
    rows = connection.execute(NEWEST, {"who": who, "denied": denied, "limit": limit}).fetchall()
    return [
        AccessFact(
            at=at,
            who=by,
            known_by=known_by,
            wanted=Wanted(action=Action(action), target=target, via=via, details=details),
            problem=problem,
        )
        for at, by, known_by, via, action, target, problem, details in rows
    ]


def admit(connection: psycopg.Connection, asker: Asker, wanted: Wanted, now: datetime) -> None:
    """Let somebody do that, or raise NotEntitledError; a refusal is a fact, and so is whatever is more than reading.

    Called outside of any transaction: a fact must not go when what was asked for fails.
    """
    if fact := fact_of(asker, wanted, now):
        record(connection, fact)
    if problem := refusal(asker, wanted):
        raise problem
