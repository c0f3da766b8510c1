"""From runs to figures, each with its limit. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import ge, le
from statistics import median

from analytics_platform_tests.bench.runner import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that decides something; it keeps its limit if it is at most that, or at least."""

    name: str
    value: float
    limit: float
    unit: str
    is_floor: bool = False

    @property
    def holds(self) -> bool:
        """Whether it keeps its limit."""
        return ge(self.value, self.limit) if self.is_floor else le(self.value, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """What one side takes for what another does, each by its median."""

    name: str
    ours: str
    theirs: str
    limit: float


RATIOS = (
    Ratio(name="landing_cpu_vs_consume", ours="landing", theirs="consume", limit=2.0),
    Ratio(name="path_cpu_vs_consume", ours="path", theirs="consume", limit=5.0),
    Ratio(name="path_cpu_vs_naive", ours="path", theirs="naive", limit=0.3),
)
DRAIN_AT_LEAST, MEMORY_AT_MOST = 200_000, 1_024


def figures(runs: Sequence[Run]) -> list[Figure]:
    """What the runs come to; only of sides that have run."""
    sides = {run.side for run in runs}
    found = [
        Figure(name=ratio.name, value=_ratio(runs, ratio), limit=ratio.limit, unit="times")
        for ratio in RATIOS
        if {ratio.ours, ratio.theirs} <= sides
    ]
    if "path" in sides:
        drained = middle(runs, "path", lambda run: run.events / run.wall)
        most = max(run.memory_mib for run in runs if run.side == "path")
        found += [
            Figure(name="drain_events_per_second", value=drained, limit=DRAIN_AT_LEAST, unit="events/s", is_floor=True),
            Figure(name="peak_memory_mib", value=most, limit=MEMORY_AT_MOST, unit="MiB"),
        ]
    return found


def _ratio(runs: Sequence[Run], ratio: Ratio) -> float:
    ours, theirs = (middle(runs, side, lambda run: run.cpu_per_million) for side in (ratio.ours, ratio.theirs))
    return ours / theirs


def middle(runs: Sequence[Run], side: str, of: Callable[[Run], float]) -> float:
    """The median over a side's runs."""
    return median(of(run) for run in runs if run.side == side)
