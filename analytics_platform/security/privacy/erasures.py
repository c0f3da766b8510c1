"""Erasures as facts in Postgres, and keys that follow them: restored from a copy, they are destroyed again."""

from dataclasses import dataclass

import psycopg

from analytics_platform.security.privacy.keys import KeyProvider

INSERT = "insert into erasure (subject, kind, erased_by, reason) values (%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """That a person was erased: under which name their key was kept, by whom, and why."""

    subject: str
    kind: str
    erased_by: str
    reason: str


def erase(connection: psycopg.Connection, keys: KeyProvider, erasure: Erasure) -> bool:
    """Destroy a person's key for good; whether there was one. The fact comes first: a crash leaves it to be applied."""
    connection.execute(INSERT, [erasure.subject, erasure.kind, erasure.erased_by, erasure.reason])
    return keys.erase(erasure.subject)


def erased_people(connection: psycopg.Connection) -> list[str]:
    """Everybody whose erasure is a fact, by the name under which their key was kept."""
    return [subject for (subject,) in connection.execute("select distinct subject from erasure order by 1").fetchall()]


def apply_erasures(connection: psycopg.Connection, keys: KeyProvider) -> list[str]:
    """Erase whoever should be and is not: their keys came back with a copy, or an erasure was interrupted."""
    ordered = erased_people(connection)
    left = sorted(set(ordered) - set(keys.erased())) if ordered else []
    for subject in left:
        keys.erase(subject)
    return left


def agree(connection: psycopg.Connection, keys: KeyProvider) -> None:
    """Whoever is erased for the keys or for the ledger is so for both, whichever was restored from an older copy."""
    apply_erasures(connection, keys)
    for subject in sorted(set(keys.erased()) - set(erased_people(connection))):
        connection.execute(INSERT, [subject, "", "the keys", "known to the keys, and not to the ledger"])
