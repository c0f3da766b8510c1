"""Every step of a change as a fact, recorded once and never edited. Pure; `store.py` keeps them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Step(StrEnum):
    """What can happen to a change."""

    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # what was said on a seat before
    GLASS_BROKEN = "glass broken"
    PERMITTED = "permitted"  # the gate let it through: written before it is published
    ADOPTED = "adopted"  # it came by git, with an id that was given elsewhere
    DEPRECATED = "deprecated"
    ARCHIVED = "archived"
    KEPT = "kept"  # archiving was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One step: of which change (by its digest), by whom, on whose seat, and what is to be known of it later."""

    subject: str
    version: int
    step: Step
    digest: str
    who: str
    at: datetime
    seat: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


SAID = (Step.APPROVED, Step.REJECTED, Step.WITHDRAWN)


def said_on(facts: Iterable[Fact], version: int, digest: str) -> dict[str, list[Fact]]:
    """By seat, what was said of that change, oldest first; the last is what holds."""
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.step in SAID and (fact.version, fact.digest) == (version, digest):
            found.setdefault(fact.seat, []).append(fact)
    return found


class Facts(Protocol):
    """Where facts are kept."""

    def record(self, fact: Fact) -> None:
        """Keep it."""
        ...

    def of(self, subject: str) -> list[Fact]:
        """All of a subject, oldest first."""
        ...


class NoFacts:
    """Where no ledger is asked: nothing is known, and nothing is kept."""

    def record(self, fact: Fact) -> None:
        """Nowhere; raises LookupError, for a step that is not kept must not be taken."""
        raise LookupError(f"{fact.step} of {fact.subject} version {fact.version}: no ledger is asked here")

    def of(self, subject: str) -> list[Fact]:
        """Nothing."""
        return []
