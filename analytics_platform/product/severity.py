"""How bad an incident is, told by what it does to readers, to freshness and to personal data. Pure.

Not to be taken for a check's `Severity`, which says what a failed check holds back.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum

LONG_OVERDUE = 10  # times the promised freshness: a definition, as the four levels are


class Sev(StrEnum):
    """From the worst to the least."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


ASKS = {
    Sev.SEV1: "everything else is left, at any hour, until readers are safe",
    Sev.SEV2: "whoever is on call begins now",
    Sev.SEV3: "its owner begins today",
    Sev.SEV4: "its owner looks at it in working hours",
}


class Readers(IntEnum):
    """What readers have of it."""

    UNTOUCHED = 0  # none of them can notice
    LACKING = 1  # rows that they expect are held back, frozen or not computed
    WRONG = 2  # they are served what is not so, or rows are lost for good


class Freshness(IntEnum):
    """How far the newest published event is behind what is promised."""

    KEPT = 0
    BROKEN = 1
    LONG_BROKEN = 2  # by LONG_OVERDUE times what is promised


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What an incident does. `personal_data`: such data is where it must not be, or is not where it must be gone."""

    readers: Readers = Readers.UNTOUCHED
    freshness: Freshness = Freshness.KEPT
    personal_data: bool = False


def freshness_of(age: timedelta, promised: timedelta) -> Freshness:
    """What an age of the newest published event means for a promise."""
    if age <= promised:
        return Freshness.KEPT
    return Freshness.LONG_BROKEN if age > LONG_OVERDUE * promised else Freshness.BROKEN


def severity_of(impact: Impact) -> Sev:
    """How bad it is; what is worse in any respect is never less bad."""
    if impact.personal_data or impact.readers is Readers.WRONG:
        return Sev.SEV1
    if impact.readers + impact.freshness >= Freshness.LONG_BROKEN:
        return Sev.SEV2
    return Sev.SEV3 if impact.readers or impact.freshness else Sev.SEV4
