"""What a person decides about batches, as an order; with the approval that their streams ask for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics_platform.errors import DeclarationError, LedgerError
from analytics_platform.facts import BatchId
from analytics_platform.ledger.rework import PERSONS, Kind, Order
from analytics_platform.product import Catalog
from analytics_platform.security.asker import signature


class NotApprovedError(LedgerError):
    """A stream asks for a second person, and there is none."""

    def __init__(self, stream: str, approvers: Sequence[str], problem: str) -> None:
        super().__init__(stream, approvers, problem)
        self.stream, self.approvers, self.problem = stream, tuple(approvers), problem

    def __str__(self) -> str:
        return f"stream {self.stream}: {self.problem}; one of {', '.join(self.approvers)} approves what others decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What shall become of some batches, who says so and for whom, why, and who agrees.

    `by` is known; the two others are names that they say.
    """

    kind: Kind
    batches: tuple[BatchId, ...]
    by: str
    reason: str
    approved_by: str = ""
    speaks_for: str = ""


def order_of(decision: Decision, declared: Catalog, now: datetime) -> Order:
    """The order that carries it out.

    Raises DeclarationError for batches of streams that nobody declared or of several pipelines, NotApprovedError where
    a stream's policy asks for an approver.
    """
    streams = declared.streams
    unknown = [batch.stream for batch in decision.batches if batch.stream not in streams]
    if unknown or not decision.batches:
        where = f"stream {unknown[0]}" if unknown else "the decision"
        raise DeclarationError(where, "is not declared" if unknown else "names no batch", "see `ap stream list`")
    names = {streams[batch.stream].pipeline for batch in decision.batches}
    if len(names) > 1:
        raise DeclarationError("the batches", f"are of pipelines {', '.join(sorted(names))}", "order one at a time")
    for stream in sorted({batch.stream for batch in decision.batches}):
        _require_approved(decision, stream, streams[stream].approvers)
    approval = f", approved by {decision.approved_by}" if decision.approved_by else ""
    return Order(
        pipeline=names.pop(),
        kind=decision.kind,
        requested_by=f"{signature(decision.by, decision.speaks_for)}{approval}",
        reason=decision.reason,
        requested_at=now,
        batches=decision.batches,
    )


def _require_approved(decision: Decision, stream: str, approvers: Sequence[str]) -> None:
    """Only of what decides for good: judging again by rules decides nothing."""
    if decision.kind not in PERSONS or not approvers:
        return
    if not decision.approved_by:
        raise NotApprovedError(stream, approvers, f"to {decision.kind} a batch of it takes an approver")
    if decision.approved_by not in approvers:
        raise NotApprovedError(stream, approvers, f"{decision.approved_by} is no approver of it")
    if decision.approved_by in (decision.by, decision.speaks_for):
        raise NotApprovedError(stream, approvers, "nobody approves what they decide")
