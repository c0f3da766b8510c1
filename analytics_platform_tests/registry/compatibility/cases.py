"""A change of a schema, what its source says of it, and what that means at each level."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import BreakKind, SchemaText, Victim, breaks

BACKWARD_LEVELS = ("BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")
FORWARD_LEVELS = ("FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`backward` and `forward` name the kind of break that is expected, or nothing; `source` says where that stands."""

    name: str
    source: str
    old: SchemaText
    new: SchemaText
    backward: BreakKind | None
    forward: BreakKind | None

    def differs(self) -> list[str]:
        """What the verdicts at the seven levels say otherwise than the source."""
        return [f"{level}: {found}" for level in Compatibility if (found := self._differs_at(level))]

    def _differs_at(self, level: Compatibility) -> str:
        wanted = set()
        if self.backward and level in BACKWARD_LEVELS:
            wanted.add((Victim.READERS_OF_OLD_DATA, self.backward))
        if self.forward and level in FORWARD_LEVELS:
            wanted.add((Victim.OLD_READERS, self.forward))
        found = breaks(self.new, [self.old], level)
        if {(each.hurts, each.kind) for each in found} == wanted:
            return ""
        return f"wanted {sorted(wanted)}, found {[str(each) for each in found]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Three versions: at which levels the third must not follow, and against which of the others."""

    name: str
    source: str
    versions: tuple[SchemaText, SchemaText, SchemaText]
    against: Mapping[str, set[int]]

    def differs(self) -> list[str]:
        """What the verdicts at the seven levels say otherwise than the source."""
        *old, new = self.versions
        found = {level: {each.against for each in breaks(new, old, level)} for level in Compatibility}
        return [
            f"{level}: against {places}" for level, places in found.items() if places != self.against.get(level, set())
        ]


Row = tuple[str, str, Any, Any, BreakKind | None, BreakKind | None]


def cases(prefix: str, write: Callable[[Any], SchemaText], rows: tuple[Row, ...]) -> list[Case]:
    """The rows of a table: name, source, old, new, what breaks backward, what breaks forward."""
    return [
        Case(name=f"{prefix}: {name}", source=source, old=write(old), new=write(new), backward=back, forward=forth)
        for name, source, old, new, back, forth in rows
    ]
