"""Proposals that are open: where they lie, how far the decision on each is, and what is said of it. Touches files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.files import PROPOSALS, Place
from analytics_platform.pipeline.admission import damage_of
from analytics_platform.pipeline.governance.acts import stage_of
from analytics_platform.pipeline.governance.classify import change_of
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.gate import in_words
from analytics_platform.registry.numbers import waiting
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.subjects import Home, Kind
from analytics_platform.registry.texts import Draft, Proposed, propose


def proposal_folders(folder: Path) -> Iterator[tuple[Path, Place | None]]:
    """Every folder of a proposal, open or decided, and what its name says; None if that is nothing."""
    for base in sorted(folder.glob(f"*/{PROPOSALS}/*-*")):
        kind, _, number = base.name.rpartition("-")
        is_named = kind in list(Kind) and number.isdecimal()
        yield base, Place(base.parent.parent.name, kind, int(number)) if is_named else None


def subject_at(place: Place) -> str:
    """What the proposal that lies there is about."""
    return Home(place.folder, Kind(place.kind)).subject


def is_open(folder: Path, place: Place) -> bool:
    """Whether it is not published yet; raises DeclarationError for files that cannot be read."""
    return place.version in waiting(folder, subject_at(place))


def draft_of(folder: Path, subject: str, version: int) -> Draft:
    """A version that waits to be published; raises DeclarationError where there is none."""
    found = waiting(folder, subject)
    if version in found:
        return found[version]
    known = ", ".join(map(str, found)) or "none"
    problem = f"has no version {version} that waits to be published (it has: {known})"
    raise DeclarationError(
        subject, problem, "`ap schema propose` writes one down, `ap schema list` shows the published"
    )


def case_of(registrar: Registrar, desk: Desk, snapshot: Snapshot, subject: str, proposed: Proposed) -> Case:
    """The decision on a schema as the subject's next version."""
    return case_at(desk, snapshot, subject, proposed, registrar.number_for(subject, proposed))


def case_at(desk: Desk, snapshot: Snapshot, subject: str, proposed: Proposed, number: int) -> Case:
    """The decision on a schema as that version, after those of the snapshot."""
    policy, damage = desk.policy(), damage_of(desk.declared, snapshot, subject, proposed)
    return desk.case(change_of(snapshot, subject, proposed, damage, policy.at_least), number, policy)


def open_case(registrar: Registrar, desk: Desk, snapshot: Snapshot, subject: str, version: int) -> Case:
    """The decision on a version that waits; raises DeclarationError where there is none."""
    proposed = propose(draft_of(desk.folder, subject, version), snapshot.text_of)
    return case_of(registrar, desk, snapshot, subject, proposed)


def about(case: Case) -> dict[str, Any]:
    """How far the decision is, and who said what."""
    change, standing = case.proposal.change, case.standing
    return {
        "subject": change.subject,
        "version": case.number,
        "stage": str(stage_of(case)),
        "changes": sorted(change.classes),
        "change": change.digest,
        "why": case.file.why if case.file else "",
        "authors": sorted(case.proposal.authors),
        "refused": sorted(standing.refused),
        "missing": in_words(standing.missing),
        "votes": [{"seat": vote.seat, "by": vote.by, "at": vote.at.isoformat()} for vote in standing.counted],
        "against": [
            {"seat": fact.seat, "by": fact.who, "at": fact.at.isoformat(), "why": fact.details.get("why", "")}
            for fact in case.against
        ],
        "proposal": f"schemas/{case.place.base}",
    }


def evidence_in(case: Case) -> dict[str, Any]:
    """What the review of this very change has found; nothing before it was reviewed."""
    return dict(case.file.evidence) if case.file and case.is_reviewed else {}
