"""What people do to a proposal: open and edit it, review it, vote, break glass. Each act is a commit and a fact."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from analytics_platform.errors import ForbiddenError
from analytics_platform.governance.approval import Approval, BrokenGlass, is_delegated
from analytics_platform.governance.files import ProposalFile, glass_text, proposal_text, vote_text
from analytics_platform.governance.lifecycle import Act, Stage, require, stage_before
from analytics_platform.governance.policy import Person
from analytics_platform.governance.record import Fact, Step
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.evidence import Evidence
from analytics_platform.registry.git import Edit
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.subject_file import VersionNote, with_version
from analytics_platform.registry.subjects import home_of
from analytics_platform.registry.texts import Proposed, readable

CLIENT = "a client"  # who proposes where nobody is known


def stage_of(case: Case) -> Stage:
    """How far a change is that has no id yet."""
    return stage_before(is_reviewed=case.is_reviewed, is_free=case.standing.is_free)


def open_proposal(desk: Desk, case: Case, proposed: Proposed, who: Person | None, why: str) -> None:
    """Write the schema down as a draft with its proposal; what lay there before is replaced."""
    change, home = case.proposal.change, home_of(case.proposal.change.subject)
    file = ProposalFile(
        subject=change.subject,
        version=case.number,
        author=who.name if who else None,
        opened_at=desk.now().replace(microsecond=0),
        why=why,
    )
    note = VersionNote(state=VersionState.DRAFT, references=proposed.references)
    edits: dict[str, Edit] = {
        home.path(case.number, proposed.format): _whole(readable(proposed.body)),
        home.subject_file: lambda there: with_version(there, home.kind, case.number, note),
        case.place.proposal: _whole(proposal_text(file)),
    }
    desk.facts.record(_fact(desk, case, Step.PROPOSED, who, details={"text": change.text, "why": why}))
    desk.write(edits, f"schemas: {case.name} is proposed", who)


def review(desk: Desk, case: Case, who: Person | None, evidence: Evidence) -> None:
    """Put the evidence on the proposal and tell whom it concerns: from now on votes may be given."""
    require(Act.REVIEW, stage_of(case), case.name)
    change = case.proposal.change
    file = case.file or ProposalFile(
        subject=change.subject,
        version=case.number,
        author=None,
        opened_at=desk.now().replace(microsecond=0),
    )
    said = evidence.document()
    new = replace(file, reviewed=change.digest, evidence=said)
    desk.facts.record(_fact(desk, case, Step.REVIEWED, who, details=said))
    desk.write({case.place.proposal: _whole(proposal_text(new))}, f"schemas: {case.name} is in review", who)
    for each in evidence.consumers:
        body = {"owner": each.owner, "consumer": each.name, "proposal": f"schemas/{case.place.base}"}
        desk.tell("schema proposed", f"{case.name} for {each.name}", body)


def approve(desk: Desk, case: Case, who: Person, seat: str | None = None) -> Approval:
    """Vote for the change as it is, on the own seat or on one that was lent; raises ForbiddenError."""
    require(Act.APPROVE, stage_of(case), case.name)
    vote = Approval(digest=case.proposal.change.digest, seat=seat or who.name, by=who.name, at=desk.now())
    policy = desk.policy()
    if not is_delegated(policy, vote.seat, vote.by, vote.at):
        problem = f"the seat of {vote.seat} is not lent to {vote.by}"
        raise ForbiddenError(case.name, problem, "write the delegation into governance.yaml")
    if not policy.author_may_approve and not case.proposal.authors.isdisjoint((vote.by, vote.seat)):
        raise ForbiddenError(case.name, f"{vote.seat} wrote it", "somebody else must approve it")
    needs = policy.demanded(
        case.proposal.change.subject, case.proposal.change.classes, desk.now(), is_signed=True
    ).needs
    if not any(vote.seat in policy.members(need.role, case.proposal.owner) for need in needs):
        asked = ", ".join(need.role for need in needs) or "nobody"
        raise ForbiddenError(case.name, f"{vote.seat} is not asked for it", f"asked is: {asked}")
    desk.facts.record(_fact(desk, case, Step.APPROVED, who, seat=vote.seat))
    text = vote_text(vote, who.name, who.email)
    desk.write({case.place.vote(vote.seat): _whole(text)}, f"schemas: {case.name} is approved by {who.name}", who)
    return vote


def break_glass(desk: Desk, case: Case, who: Person, reason: str, lasts: timedelta | None = None) -> BrokenGlass:
    """Permit publishing without the votes for a while; raises ForbiddenError."""
    require(Act.BREAK_GLASS, stage_of(case), case.name)
    rule = desk.policy().break_glass
    if rule is None or not any(who.name in desk.policy().members(role, case.proposal.owner) for role in rule.roles):
        raise ForbiddenError(case.name, f"{who.name} may not break glass", "name their role under `break_glass:`")
    if not reason.strip():
        raise ForbiddenError(case.name, "glass is not broken without a reason", "say why")
    until = desk.now() + min(lasts or rule.lasts, rule.lasts)
    glass = BrokenGlass(
        digest=case.proposal.change.digest, by=who.name, at=desk.now(), until=until, reason=reason.strip()
    )
    details = {"until": until.isoformat(), "reason": glass.reason, "missing": [n.role for n in case.standing.missing]}
    desk.facts.record(_fact(desk, case, Step.GLASS_BROKEN, who, details=details))
    message = f"schemas: {case.name}: {who.name} broke glass: {glass.reason}"
    desk.write({case.place.glass: _whole(glass_text(glass))}, message, who)
    told = {"by": who.name, "reason": glass.reason, "until": until.isoformat(timespec="minutes")}
    desk.tell("glass broken", f"{case.name}, change {glass.digest[:12]}", told)
    return glass


def _fact(desk: Desk, case: Case, step: Step, who: Person | None, *, seat: str = "", details: Any = None) -> Fact:
    return Fact(
        subject=case.proposal.change.subject,
        version=case.number,
        step=step,
        digest=case.proposal.change.digest,
        who=who.name if who else CLIENT,
        at=desk.now(),
        seat=seat,
        details=details or {},
    )


def _whole(text: str) -> Edit:
    return lambda _: text
