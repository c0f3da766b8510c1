"""Facts of governance in memory, as the lines that a restart would find again."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analytics_platform.governance.record import Fact, Step


@dataclass(slots=True)
class MemoryFacts:
    """Facts as JSON lines: what a restart finds again."""

    lines: list[str] = field(default_factory=list)

    def record(self, fact: Fact) -> None:
        said = {name: getattr(fact, name) for name in ("subject", "version", "step", "digest", "who", "seat")}
        self.lines.append(json.dumps({**said, "at": fact.at.isoformat(), "details": dict(fact.details)}, default=str))

    def of(self, subject: str) -> list[Fact]:
        said: list[Any] = [json.loads(line) for line in self.lines]
        return [_fact(one) for one in said if one["subject"] == subject]


def _fact(said: Any) -> Fact:
    known: Any = {**said, "step": Step(said["step"]), "at": datetime.fromisoformat(said["at"])}
    return Fact(**known)
