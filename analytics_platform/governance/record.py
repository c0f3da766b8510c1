"""Every step of a change as a fact, recorded once and never edited. Pure; `store.py` keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Step(StrEnum):
    """What can happen to a change."""

    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    GLASS_BROKEN = "glass broken"
    PERMITTED = "permitted"  # the gate let it through: written before it is published
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


class Facts(Protocol):
    """Where facts are kept."""

    def record(self, fact: Fact) -> None:
        """Keep it."""
        ...

    def of(self, subject: str) -> list[Fact]:
        """All of a subject, oldest first."""
        ...
