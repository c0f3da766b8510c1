"""Versions that came by git with an id from elsewhere: held to the policy afterwards, and told of where it had no say.

They are in force all the same, since records may be written in them (docs/decisions/0022).
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg

from analytics_platform.governance.record import Fact, Step
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.ledger.postgres.alarms import raise_once
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.gate import objections_of
from analytics_platform.pipeline.governance.hindsight import case_before
from analytics_platform.product import Catalog
from analytics_platform.registry import store
from analytics_platform.registry.git import Repository
from analytics_platform.registry.lock import VersionState

KIND, GIT = "adopted unapproved", "git"
# Before this ledger let anything through it had no say: an empty one believes the git that it is filled from.
AROUND_THE_GATE = """
    select v.subject, v.version from schema_version v join schema_state using (subject, version)
    where state <> %(removed)s
      and v.allotted_at > (select min(recorded_at) from governance_fact where step = %(permitted)s)
      and not exists (select from governance_fact f
                      where (f.subject, f.version) = (v.subject, v.version) and f.step = any(%(decided)s))
    order by 1, 2
"""


def look_at_adopted(ledger: psycopg.Connection, folder: Path, declared: Catalog, now: datetime) -> int:
    """Write down of each such version what the policy lacks, once, and tell of those that lack something."""
    decided = {"permitted": Step.PERMITTED, "decided": [Step.PERMITTED, Step.ADOPTED], "removed": VersionState.REMOVED}
    rows = ledger.execute(AROUND_THE_GATE, decided).fetchall()
    if not rows:
        return 0
    repository = Repository.reading(folder)
    desk = Desk(folder=folder, facts=LedgerFacts(ledger), declared=declared, now=lambda: now)
    desk = replace(desk, signer_of=repository.signer_of) if repository else desk
    snapshot, told = store.read_snapshot(ledger), 0
    for version in (snapshot.version(subject, number, deleted=True) for subject, number in rows):
        if version is None:
            continue  # it was removed in this very moment
        case = case_before(desk, snapshot, version)
        lacks = objections_of(case)
        with ledger.transaction():
            desk.facts.record(_fact(case, lacks, now))
            if lacks:
                body = {"owner": desk.owner(case.proposal.change.subject), "lacks": ", ".join(lacks)}
                told += raise_once(ledger, KIND, case.name, body, now)
    return told


def _fact(case: Case, lacks: list[str], now: datetime) -> Fact:
    votes = [{"seat": vote.seat, "by": vote.by, "at": vote.at.isoformat()} for vote in case.standing.counted]
    return Fact(
        subject=case.proposal.change.subject,
        version=case.number,
        step=Step.ADOPTED,
        digest=case.proposal.change.digest,
        who=GIT,
        at=now,
        details={"lacks": lacks, "votes": votes},
    )
