"""The gate of the registry: whatever way a version comes, the policy decides whether it may be published."""

from collections.abc import Callable
from dataclasses import dataclass

from analytics_platform.errors import IncompatibleError, UnapprovedError
from analytics_platform.governance.change import ChangeClass
from analytics_platform.governance.policy import LIGHT, Need, Policy
from analytics_platform.governance.record import Fact, Step
from analytics_platform.pipeline.admission import LAKE, Damage
from analytics_platform.pipeline.governance.classify import broken_at, change_of
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.texts import Proposed

Number = Callable[[str, Proposed], int]
Opens = Callable[[Case, Snapshot, Proposed], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the registry asks before it publishes; `opens` writes a proposal where votes are missing and it has none."""

    desk: Desk
    number_for: Number
    opens: Opens | None = None

    def permit(self, snapshot: Snapshot, subject: str, proposed: Proposed, damage: Damage) -> None:
        """Let the schema through, or raise IncompatibleError or UnapprovedError."""
        policy = self.desk.policy()
        change = change_of(snapshot, subject, proposed, damage, policy.at_least)
        case = self.desk.case(change, self.number_for(subject, proposed), policy)
        refused = case.standing.refused
        if ChangeClass.BREAKING in refused:
            broken = damage.readers or broken_at(snapshot, subject, proposed, policy.at_least)
            level = snapshot.compatibility(subject) if damage.readers else policy.at_least
            raise IncompatibleError(subject, level, broken)
        if damage.lake:
            raise IncompatibleError(subject, LAKE, damage.lake)
        if refused:
            raise UnapprovedError(subject, case.number, objections_of(case), "not opened")
        if not case.standing.may_publish:
            self._ask(case, snapshot, proposed)
        if policy is not LIGHT:
            self.desk.facts.record(_permitted(case, policy, self.desk))

    def _ask(self, case: Case, snapshot: Snapshot, proposed: Proposed) -> None:
        if self.opens and case.file is None:
            self.opens(case, snapshot, proposed)
        raise UnapprovedError(
            case.proposal.change.subject, case.number, in_words(case.standing.missing), f"schemas/{case.place.base}"
        )


def objections_of(case: Case) -> list[str]:
    """What the policy has against a change being published now, in words; nothing where it may be."""
    if case.standing.refused:
        return [f"nobody: {', '.join(sorted(case.standing.refused))} is refused"]
    return [] if case.standing.may_publish else in_words(case.standing.missing)


def in_words(missing: tuple[Need, ...]) -> list[str]:
    """Who is missing."""
    return [f"{need.quorum} of {need.role}" for need in missing]


def _permitted(case: Case, policy: Policy, desk: Desk) -> Fact:
    """That the gate let it through, with everything that this rests on."""
    broken = case.standing.broken if case.standing.missing else None
    votes = [{"seat": vote.seat, "by": vote.by, "at": vote.at.isoformat()} for vote in case.standing.counted]
    return Fact(
        subject=case.proposal.change.subject,
        version=case.number,
        step=Step.PERMITTED,
        digest=case.proposal.change.digest,
        who=broken.by if broken else "the policy",
        at=desk.now(),
        details={
            "changes": sorted(case.proposal.change.classes),
            "policy": policy.digest,
            "votes": votes,
            **({"glass": broken.reason} if broken else {}),
        },
    )
