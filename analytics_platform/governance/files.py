"""A proposal and its votes as files beside the schema: where each lies, read and written. Pure.

bids/proposals/value-2/proposal.yaml        what is proposed, by whom, and what its review found
bids/proposals/value-2/votes/ana.yaml       a vote on ana's seat
bids/proposals/value-2/glass.yaml           the permission to publish without the votes
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.approval import Approval, BrokenGlass
from analytics_platform.yaml_text import dump_yaml, read_yaml

PROPOSALS = "proposals"
REMEDY = "restore it from git, or give the vote again"


class Says(StrEnum):
    """What the file of a seat says; there is one for each seat, and the newest is what holds."""

    APPROVES = "approves"
    REJECTS = "rejects"
    WITHDRAWS = "withdraws"  # neither any more


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFile:
    """What `proposal.yaml` says. `reviewed` is the digest of the change whose evidence is in `evidence`."""

    subject: str
    version: int
    author: str | None
    opened_at: datetime
    why: str = ""
    reviewed: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proposal lies, within the folder of schemas."""

    folder: str  # of the subject
    kind: str  # value, key or schema
    version: int

    @property
    def base(self) -> str:
        """The proposal's own folder."""
        return f"{self.folder}/{PROPOSALS}/{self.kind}-{self.version}"

    @property
    def proposal(self) -> str:
        """What is proposed."""
        return f"{self.base}/proposal.yaml"

    @property
    def votes(self) -> str:
        """The folder of votes."""
        return f"{self.base}/votes"

    def vote(self, seat: str) -> str:
        """The vote on that seat."""
        return f"{self.votes}/{seat}.yaml"

    @property
    def glass(self) -> str:
        """The permission to do without votes."""
        return f"{self.base}/glass.yaml"


def proposal_text(proposal: ProposalFile) -> str:
    """The file."""
    said = {
        "subject": proposal.subject,
        "version": proposal.version,
        "author": proposal.author,
        "opened_at": proposal.opened_at,
        **({"why": proposal.why} if proposal.why else {}),
        **({"reviewed": proposal.reviewed, "evidence": dict(proposal.evidence)} if proposal.reviewed else {}),
    }
    return dump_yaml(said)


def parse_proposal(text: str, where: str) -> ProposalFile:
    """The proposal; raises DeclarationError."""
    said = _loaded(text, where)
    author = said.get("author")
    return ProposalFile(
        subject=str(said.get("subject", "")),
        version=_version(said, where),
        author=None if author is None else str(author),
        opened_at=_instant(said, "opened_at", where),
        why=str(said.get("why", "")),
        reviewed=str(said.get("reviewed", "")),
        evidence=said.get("evidence") or {},
    )


def vote_text(vote: Approval, email: str, says: Says = Says.APPROVES, why: str = "") -> str:
    """The file of a seat, signed off by who wrote it."""
    said = {str(says): vote.digest, "seat": vote.seat, "by": vote.by, "at": vote.at}
    return dump_yaml({**said, **({"why": why} if why else {}), "signed-off-by": f"{vote.by} <{email}>"})


def parse_vote(text: str, where: str) -> Approval | None:
    """The approval, None where the seat says something else; raises DeclarationError."""
    said = _loaded(text, where)
    if Says.REJECTS in said or Says.WITHDRAWS in said:
        return None
    return Approval(
        digest=_text(said, "approves", where),
        seat=_text(said, "seat", where),
        by=_text(said, "by", where),
        at=_instant(said, "at", where),
    )


def glass_text(glass: BrokenGlass) -> str:
    """The file of a permission."""
    return dump_yaml(
        {"allows": glass.digest, "by": glass.by, "at": glass.at, "until": glass.until, "reason": glass.reason}
    )


def parse_glass(text: str, where: str) -> BrokenGlass:
    """The permission; raises DeclarationError."""
    said = _loaded(text, where)
    return BrokenGlass(
        digest=_text(said, "allows", where),
        by=_text(said, "by", where),
        at=_instant(said, "at", where),
        until=_instant(said, "until", where),
        reason=_text(said, "reason", where),
    )


def _loaded(text: str, where: str) -> Mapping[str, Any]:
    said = read_yaml(text, where).value
    if not isinstance(said, Mapping):
        raise DeclarationError(where, "is no mapping", REMEDY)
    return said


def _text(said: Mapping[str, Any], key: str, where: str) -> str:
    found = said.get(key)
    if not isinstance(found, str) or not found.strip():
        raise DeclarationError(where, f"{key} is {found!r}", REMEDY)
    return found


def _version(said: Mapping[str, Any], where: str) -> int:
    found = said.get("version")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise DeclarationError(where, f"version is {found!r}", REMEDY)
    return found


def _instant(said: Mapping[str, Any], key: str, where: str) -> datetime:
    found = said.get(key)
    if not isinstance(found, datetime):
        raise DeclarationError(where, f"{key} is {found!r}", REMEDY)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
