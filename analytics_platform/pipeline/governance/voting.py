"""Voting on a reviewed proposal: for it, against it, and taking back what was said. Each is a commit and a fact.

A vote is given on a seat, the own one or one that was lent, and a seat says one thing at a time.
"""

from analytics_platform.errors import ChangedProposalError, ForbiddenError, NotEntitledError
from analytics_platform.governance.approval import Approval, is_delegated
from analytics_platform.governance.files import Says, vote_text
from analytics_platform.governance.lifecycle import Act, require
from analytics_platform.governance.policy import Person
from analytics_platform.governance.record import Step, said_on
from analytics_platform.pipeline.governance.acts import fact_of, stage_of, whole
from analytics_platform.pipeline.governance.desk import Case, Desk

STEPS = {Says.APPROVES: Step.APPROVED, Says.REJECTS: Step.REJECTED, Says.WITHDRAWS: Step.WITHDRAWN}


def approve(desk: Desk, case: Case, who: Person, seat: str | None = None) -> Approval:
    """Vote for the change as it is; raises ForbiddenError or NotEntitledError."""
    require(Act.APPROVE, stage_of(case), case.name)
    vote = _vote(desk, case, who, seat)
    _require_asked(desk, case, vote)
    return _say(desk, case, who, vote, Says.APPROVES)


def reject(desk: Desk, case: Case, who: Person, why: str, seat: str | None = None) -> Approval:
    """Say no to the change as it is, and why: the seat's approval is gone, and everybody who votes sees the reason."""
    require(Act.REJECT, stage_of(case), case.name)
    vote = _vote(desk, case, who, seat)
    _require_asked(desk, case, vote)
    if not why.strip():
        raise ForbiddenError(case.name, "nothing is rejected without a reason", "say why")
    return _say(desk, case, who, vote, Says.REJECTS, why.strip())


def withdraw(desk: Desk, case: Case, who: Person, seat: str | None = None) -> Approval:
    """Take back what was said on a seat, for or against."""
    require(Act.WITHDRAW, stage_of(case), case.name)
    vote = _vote(desk, case, who, seat)
    facts = said_on(desk.facts.of(case.proposal.change.subject), case.number, vote.digest).get(vote.seat, [])
    there = (desk.folder / case.place.vote(vote.seat)).exists()  # by hand, and perhaps no fact of it
    if (facts and facts[-1].step is Step.WITHDRAWN) or not (facts or there):
        raise ForbiddenError(case.name, f"nothing is said on the seat of {vote.seat}", "there is no vote to take back")
    return _say(desk, case, who, vote, Says.WITHDRAWS)


def require_same(case: Case, digest: str | None) -> None:
    """Raise ChangedProposalError where somebody means another change than the one that lies there; None means it."""
    if digest not in (None, case.proposal.change.digest):
        raise ChangedProposalError(case.name, digest or "", case.proposal.change.digest)


def _vote(desk: Desk, case: Case, who: Person, seat: str | None) -> Approval:
    vote = Approval(digest=case.proposal.change.digest, seat=seat or who.name, by=who.name, at=desk.now())
    if not is_delegated(desk.policy(), vote.seat, vote.by, vote.at):
        problem = f"{case.name}: the seat of {vote.seat} is not lent to {vote.by}"
        raise NotEntitledError(problem, "write the delegation into governance.yaml")
    return vote


def _require_asked(desk: Desk, case: Case, vote: Approval) -> None:
    """The policy asks for that seat, and its change is somebody else's."""
    policy, change = desk.policy(), case.proposal.change
    if not policy.author_may_approve and not case.proposal.authors.isdisjoint((vote.by, vote.seat)):
        author = vote.by if vote.by in case.proposal.authors else vote.seat
        raise NotEntitledError(f"{case.name}: {author} wrote it", "somebody else must approve it")
    needs = policy.demanded(change.subject, change.classes, vote.at, is_signed=True).needs
    if not any(vote.seat in policy.members(need.role, case.proposal.owner) for need in needs):
        asked = ", ".join(need.role for need in needs) or "nobody"
        raise NotEntitledError(f"{case.name}: {vote.seat} is not asked for it", f"asked is: {asked}")


def _say(desk: Desk, case: Case, who: Person, vote: Approval, says: Says, why: str = "") -> Approval:
    details = {"why": why} if why else {}
    desk.facts.record(fact_of(desk, case, STEPS[says], who, seat=vote.seat, details=details))
    words = {Says.APPROVES: "approved", Says.REJECTS: "rejected", Says.WITHDRAWS: "voted on no longer"}
    text = vote_text(vote, who.email, says, why)
    desk.write({case.place.vote(vote.seat): whole(text)}, f"schemas: {case.name} is {words[says]} by {who.name}", who)
    return vote
