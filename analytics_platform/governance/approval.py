"""Which votes on a change count, and what it still lacks. Pure: the time is an argument."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from analytics_platform.governance.change import Change, ChangeClass
from analytics_platform.governance.policy import Need, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A vote for the change of that digest: on whose seat, and who cast it (another person, where it was delegated)."""

    digest: str
    seat: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """The permission to publish the change of that digest without the votes, until an instant; and why."""

    digest: str
    by: str
    at: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that is decided on: whose the subject is, and everybody who is known to have written the change.

    `is_signed`: one of them is a person of the policy, known by a token or a commit and not by what a file says.
    """

    change: Change
    owner: str
    authors: frozenset[str] = frozenset()
    is_signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the decision is: the votes that count, what is missing, and what no votes can allow.

    `broken` is the permission that makes up for what is missing.
    """

    counted: tuple[Approval, ...]
    missing: tuple[Need, ...]
    refused: frozenset[ChangeClass]
    broken: BrokenGlass | None = None

    @property
    def is_free(self) -> bool:
        """Whether nobody has to be asked: the rules ask for no vote, or the votes are there."""
        return not self.refused and not self.missing

    @property
    def may_publish(self) -> bool:
        """Whether it may be published now."""
        return not self.refused and (not self.missing or self.broken is not None)


ANYBODY = "anybody"  # how a second pair of eyes is called in what is missing


def standing(
    policy: Policy, proposal: Proposal, votes: Iterable[Approval], broken: Iterable[BrokenGlass], now: datetime
) -> Standing:
    """How far the decision on a change is, by the policy as it is now."""
    change = proposal.change
    demand = policy.demanded(change.subject, change.classes, now, is_signed=proposal.is_signed)
    valid = _valid(policy, proposal, votes, now)
    seats = [
        (need.role, policy.members(need.role, proposal.owner)) for need in demand.needs for _ in range(need.quorum)
    ]
    taken = _seated(valid, [members for _, members in seats])
    missing: dict[str, int] = {}
    for place, (role, _) in enumerate(seats):
        if place not in taken:
            missing[role] = missing.get(role, 0) + 1
    voters = frozenset().union(*(members for _, members in seats))
    eyes = demand.eyes - len([vote for vote in valid if vote.seat in voters])
    if eyes > 0 and not missing:
        missing[ANYBODY] = eyes
    return Standing(
        counted=tuple(valid),
        missing=tuple(Need(role=role, quorum=count) for role, count in sorted(missing.items())),
        refused=demand.refused,
        broken=next((glass for glass in broken if _opens(policy, proposal, glass, now)), None),
    )


def is_delegated(policy: Policy, seat: str, by: str, at: datetime) -> bool:
    """Whether `by` may vote on that seat at that instant: it is their own, or was lent to them."""
    return seat == by or any((each.giver, each.taker) == (seat, by) and each.holds(at) for each in policy.delegations)


def _valid(policy: Policy, proposal: Proposal, votes: Iterable[Approval], now: datetime) -> list[Approval]:
    """The votes that count, one of each seat and one of each person: the own seat first, then the earliest."""
    found: list[Approval] = []
    for vote in sorted(votes, key=lambda vote: (vote.seat != vote.by, vote.at, vote.seat)):
        is_new = all(vote.seat != other.seat and vote.by != other.by for other in found)
        if is_new and _counts(policy, proposal, vote, now):
            found.append(vote)
    return found


def _counts(policy: Policy, proposal: Proposal, vote: Approval, now: datetime) -> bool:
    is_own = not policy.author_may_approve and not proposal.authors.isdisjoint((vote.by, vote.seat))
    return (
        vote.digest == proposal.change.digest
        and {vote.by, vote.seat} <= policy.people.keys()
        and vote.at <= now < vote.at + policy.approvals_last
        and is_delegated(policy, vote.seat, vote.by, vote.at)
        and not is_own
    )


def _opens(policy: Policy, proposal: Proposal, glass: BrokenGlass, now: datetime) -> bool:
    """Whether a permission is one by this policy, for this very change, and not over."""
    if policy.break_glass is None:
        return False
    may = frozenset().union(*(policy.members(role, proposal.owner) for role in policy.break_glass.roles))
    return (
        glass.digest == proposal.change.digest
        and glass.by in may
        and glass.at <= now < min(glass.until, glass.at + policy.break_glass.lasts)
    )


def _seated(votes: list[Approval], seats: list[frozenset[str]]) -> Mapping[int, int]:
    """By place, the vote that takes it, so that as many as can be are taken (Kuhn's augmenting paths)."""
    taken: dict[int, int] = {}

    def sit(vote: int, tried: set[int]) -> bool:
        for place, members in enumerate(seats):
            if votes[vote].seat in members and place not in tried:
                tried.add(place)
                if place not in taken or sit(taken[place], tried):
                    taken[place] = vote
                    return True
        return False

    for vote in range(len(votes)):
        sit(vote, set())
    return taken
