"""What people do to a proposal: open and edit it, review it, break glass. Each act is a commit and a fact."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from analytics_platform.errors import ForbiddenError, NotEntitledError
from analytics_platform.governance.approval import BrokenGlass
from analytics_platform.governance.files import ProposalFile, glass_text, proposal_text
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
        home.path(case.number, proposed.format): whole(readable(proposed.body)),
        home.subject_file: lambda there: with_version(there, home.kind, case.number, note),
        case.place.proposal: whole(proposal_text(file)),
    }
    desk.facts.record(fact_of(desk, case, Step.PROPOSED, who, details={"text": change.text, "why": why}))
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
    desk.facts.record(fact_of(desk, case, Step.REVIEWED, who, details=said))
    desk.write({case.place.proposal: whole(proposal_text(new))}, f"schemas: {case.name} is in review", who)
    for each in evidence.consumers:
        body = {"owner": each.owner, "consumer": each.name, "proposal": f"schemas/{case.place.base}"}
        desk.tell("schema proposed", f"{case.name} for {each.name}", body)


def break_glass(desk: Desk, case: Case, who: Person, reason: str, lasts: timedelta | None = None) -> BrokenGlass:
    """Permit publishing without the votes for a while; raises ForbiddenError."""
    require(Act.BREAK_GLASS, stage_of(case), case.name)
    rule = desk.policy().break_glass
    if rule is None or not any(who.name in desk.policy().members(role, case.proposal.owner) for role in rule.roles):
        raise NotEntitledError(f"{case.name}: {who.name} may not break glass", "name their role under `break_glass:`")
    if not reason.strip():
        raise ForbiddenError(case.name, "glass is not broken without a reason", "say why")
    until = desk.now() + min(lasts or rule.lasts, rule.lasts)
    glass = BrokenGlass(
        digest=case.proposal.change.digest, by=who.name, at=desk.now(), until=until, reason=reason.strip()
    )
    details = {"until": until.isoformat(), "reason": glass.reason, "missing": [n.role for n in case.standing.missing]}
    desk.facts.record(fact_of(desk, case, Step.GLASS_BROKEN, who, details=details))
    message = f"schemas: {case.name}: {who.name} broke glass: {glass.reason}"
    desk.write({case.place.glass: whole(glass_text(glass))}, message, who)
    told = {"by": who.name, "reason": glass.reason, "until": until.isoformat(timespec="minutes")}
    desk.tell("glass broken", f"{case.name}, change {glass.digest[:12]}", told)
    return glass


def fact_of(desk: Desk, case: Case, step: Step, who: Person | None, *, seat: str = "", details: Any = None) -> Fact:
    """A step that was just taken with a proposal."""
    return Fact(
        subject=case.proposal.change.subject,
        version=case.number,
        step=step,
        digest=case.proposal.change.digest,
        who=who.name if who else desk.asker,
        at=desk.now(),
        seat=seat,
        details=details or {},
    )


def whole(text: str) -> Edit:
    """An edit that leaves nothing of what was there."""
    return lambda _: text
