"""The facts of governance in Postgres, which refuses to change them. Touches Postgres."""

import json
from dataclasses import dataclass

import psycopg

from analytics_platform.governance.record import Fact, Step

COLUMNS = "subject, version, step, digest, who, at, seat, details"


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """Facts in the ledger."""

    connection: psycopg.Connection

    def record(self, fact: Fact) -> None:
        """Keep a fact; called within a transaction it stands or falls with it."""
        self.connection.execute(
            f"insert into governance_fact ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(fact.subject, fact.version, fact.step, fact.digest, fact.who, fact.at, fact.seat),
                json.dumps(dict(fact.details), default=str),
            ],
        )

    def of(self, subject: str) -> list[Fact]:
        """All facts of a subject, oldest first."""
        rows = self.connection.execute(
            f"select {COLUMNS} from governance_fact where subject = %s order by number", [subject]
        ).fetchall()
        return [
            Fact(
                subject=subject,
                version=version,
                step=Step(step),
                digest=digest,
                who=who,
                at=at,
                seat=seat,
                details=details,
            )
            for _, version, step, digest, who, at, seat, details in rows
        ]
