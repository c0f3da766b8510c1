"""What has waited for longer than the policy lets it, a change or the policy itself: told once to whom it names."""

from datetime import datetime
from pathlib import Path

import psycopg

from analytics_platform.governance.policy import Escalation, Policy
from analytics_platform.governance.policy_file import POLICY_FILE
from analytics_platform.governance.record import Step
from analytics_platform.ledger.postgres.alarms import raise_once
from analytics_platform.pipeline.governance.desk import policy_of

WAITING, REVIEW = "approval waits", "policy review due"
ASKED = """
    select f.subject, f.version, min(f.at) from governance_fact f
    where f.step = %s and f.at < %s and not exists (
        select from governance_fact g where (g.subject, g.version) = (f.subject, f.version) and g.step = %s)
    group by 1, 2 order by 3
"""


def escalate(ledger: psycopg.Connection, folder: Path, now: datetime) -> int:
    """Tell of each change that was reviewed too long ago, and of a policy whose day has come; returns how many now."""
    policy = policy_of(folder)
    return _review(ledger, policy, now) + (_waiting(ledger, policy.escalation, now) if policy.escalation else 0)


def _review(ledger: psycopg.Connection, policy: Policy, now: datetime) -> int:
    if policy.review_by is None or now.date() <= policy.review_by:
        return 0
    owner = {"owner": policy.escalation.to} if policy.escalation else {}
    return int(raise_once(ledger, REVIEW, f"{POLICY_FILE} {policy.review_by}", owner, now))


def _waiting(ledger: psycopg.Connection, rule: Escalation, now: datetime) -> int:
    told = 0
    rows = ledger.execute(ASKED, [Step.REVIEWED, now - rule.after, Step.PERMITTED]).fetchall()
    for subject, version, since in rows:
        body = {"owner": rule.to, "waits since": since.isoformat(timespec="minutes")}
        told += raise_once(ledger, WAITING, f"{subject} version {version}", body, now)
    return told
