"""How far a version of a subject is, and what may be done with it then. Pure."""

from enum import StrEnum

from analytics_platform.errors import ForbiddenError


class Stage(StrEnum):
    """How far a version is, from the first text to the day when nobody needs it any more."""

    DRAFT = "draft"  # a text; nobody was asked yet
    IN_REVIEW = "in review"  # its evidence is there, votes are asked for
    APPROVED = "approved"  # the policy's people have agreed to this very change, or none are asked
    PUBLISHED = "published"  # has an id; data may be written in it
    DEPRECATED = "deprecated"  # producers should leave it by its sunset
    ARCHIVED = "archived"  # nothing that is kept needs it


class Act(StrEnum):
    """What people do to a version."""

    EDIT = "edit"
    REVIEW = "review"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    BREAK_GLASS = "break glass"
    PUBLISH = "publish"
    DEPRECATE = "deprecate"
    ARCHIVE = "archive"


BEFORE = frozenset({Stage.DRAFT, Stage.IN_REVIEW, Stage.APPROVED})
ALLOWED = {
    Act.EDIT: BEFORE,
    Act.REVIEW: BEFORE,
    Act.APPROVE: frozenset({Stage.IN_REVIEW, Stage.APPROVED}),
    Act.REJECT: frozenset({Stage.IN_REVIEW, Stage.APPROVED}),
    Act.WITHDRAW: frozenset({Stage.IN_REVIEW, Stage.APPROVED}),
    Act.BREAK_GLASS: BEFORE,
    Act.PUBLISH: BEFORE,  # whether it may be is what the votes say
    Act.DEPRECATE: frozenset({Stage.PUBLISHED}),
    Act.ARCHIVE: frozenset({Stage.DEPRECATED}),
}
REMEDIES = {
    Act.EDIT: "propose the next version",
    Act.REVIEW: "propose the next version",
    Act.APPROVE: "`ap schema review` it first: a vote is for what its evidence shows",
    Act.REJECT: "`ap schema review` it first: a vote is for what its evidence shows",
    Act.WITHDRAW: "there is no vote to take back",
    Act.BREAK_GLASS: "there is nothing to break",
    Act.PUBLISH: "propose the next version",
    Act.DEPRECATE: "only a published version is deprecated",
    Act.ARCHIVE: "`ap schema deprecate` it first, so that its producers hear of it",
}


def stage_before(*, is_reviewed: bool, is_free: bool) -> Stage:
    """How far a version is that has no id: whether this very change was reviewed, and has its votes."""
    if not is_reviewed:
        return Stage.DRAFT
    return Stage.APPROVED if is_free else Stage.IN_REVIEW


def require(act: Act, stage: Stage, name: str) -> None:
    """Raise ForbiddenError where that cannot be done to a version at that stage."""
    if stage not in ALLOWED[act]:
        raise ForbiddenError(name, f"is {stage}, and cannot be {_past(act)}", REMEDIES[act])


def _past(act: Act) -> str:
    words = {
        Act.EDIT: "edited",
        Act.REVIEW: "reviewed",
        Act.APPROVE: "approved",
        Act.REJECT: "rejected",
        Act.WITHDRAW: "voted on",
        Act.BREAK_GLASS: "published by breaking glass",
        Act.PUBLISH: "published",
        Act.DEPRECATE: "deprecated",
        Act.ARCHIVE: "archived",
    }
    return words[act]
