"""Changes that have waited for their votes for longer than the policy lets them: told once to whom it names."""

from datetime import datetime
from pathlib import Path

import psycopg

from analytics_platform.governance.record import Step
from analytics_platform.ledger.postgres.alarms import raise_once
from analytics_platform.pipeline.governance.desk import policy_of

WAITING = "approval waits"
ASKED = """
    select f.subject, f.version, min(f.at) from governance_fact f
    where f.step = %s and f.at < %s and not exists (
        select from governance_fact g where (g.subject, g.version) = (f.subject, f.version) and g.step = %s)
    group by 1, 2 order by 3
"""


def escalate(ledger: psycopg.Connection, folder: Path, now: datetime) -> int:
    """Tell of every change that was reviewed that long ago and never let through; returns how many are told of now."""
    rule = policy_of(folder).escalation
    if rule is None:
        return 0
    rows = ledger.execute(ASKED, [Step.REVIEWED, now - rule.after, Step.PERMITTED]).fetchall()
    told = 0
    for subject, version, since in rows:
        body = {"owner": rule.to, "waits since": since.isoformat(timespec="minutes")}
        told += raise_once(ledger, WAITING, f"{subject} version {version}", body, now)
    return told
