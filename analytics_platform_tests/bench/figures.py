"""From runs and growths to figures, each with its limit. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Milliseconds of the same thing on something young or small, and on something old or large, taken in turn.

    `stages` are medians of its parts, young and old: where it grows.
    """

    name: str
    young: Sequence[float]
    old: Sequence[float]
    about: str
    stages: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The old median by the young one."""
        return median(self.old) / median(self.young)


RATIOS = (
    Ratio(name="landing_cpu_vs_consume", ours="landing", theirs="consume", limit=2.0),
    Ratio(name="path_cpu_vs_consume", ours="path", theirs="consume", limit=5.0),
    Ratio(name="path_cpu_vs_naive", ours="path", theirs="naive", limit=0.3),
    Ratio(name="landing_cpu_vs_spark", ours="landing", theirs="spark_parse", limit=0.4),
    Ratio(name="path_cpu_vs_spark", ours="path", theirs="spark_path", limit=0.5),
    Ratio(name="tls_cost", ours="landing_tls", theirs="landing", limit=1.3),
)
GROWTHS = {"batch_growth": 1.2, "dedup_growth": 1.5, "dedup_growth_random_ids": 1.5, "read_growth": 1.5}
DRAIN_AT_LEAST, MEMORY_AT_MOST = 200_000, 1_024
MEMORY_OF = ("path", "path_tls", "small_backlog", "large_backlog")
# In the order of the report: each of them has to be there.
NAMES = (
    *(ratio.name for ratio in RATIOS if ratio.name != "tls_cost"),
    "drain_events_per_second",
    "tls_cost",
    "peak_memory_mib",
    *GROWTHS,
)
BY_PEERS = ("landing_cpu_vs_spark", "path_cpu_vs_spark")


def figures(runs: Sequence[Run], growths: Sequence[Growth] = ()) -> list[Figure]:
    """What they come to; only of sides that have run."""
    found = {figure.name: figure for figure in (*_of_runs(runs), *_of_growths(growths))}
    return [found[name] for name in NAMES if name in found]


def missing(found: Sequence[Figure]) -> dict[str, str]:
    """The figures that are not there, and what would measure them."""
    there = {figure.name for figure in found}
    return {
        name: "not tested on: make bench-peers" if name in BY_PEERS else "not measured: make bench"
        for name in NAMES
        if name not in there
    }


def marginal(runs: Sequence[Run], side: str) -> float | None:
    """CPU seconds per million events: of a side with backlogs of two sizes at the margin, for its start is dear."""
    by_size = {run.events: 0.0 for run in runs if run.side == side}
    if not by_size:
        return None
    for events in by_size:
        by_size[events] = median(run.cpu for run in runs if run.side == side and run.events == events)
    small, large = min(by_size), max(by_size)
    if small == large:
        return by_size[small] / small * 1e6
    return (by_size[large] - by_size[small]) / (large - small) * 1e6


def middle(runs: Sequence[Run], side: str, of: Callable[[Run], float]) -> float:
    """The median over a side's runs."""
    return median(of(run) for run in runs if run.side == side)


def _of_runs(runs: Sequence[Run]) -> Iterator[Figure]:
    for ratio in RATIOS:
        ours, theirs = marginal(runs, ratio.ours), marginal(runs, ratio.theirs)
        if ours is not None and theirs:
            yield Figure(name=ratio.name, value=ours / theirs, limit=ratio.limit, unit="times")
    sides = {run.side for run in runs}
    if "path" in sides:
        drained = middle(runs, "path", lambda run: run.events / run.wall)
        yield Figure(
            name="drain_events_per_second", value=drained, limit=DRAIN_AT_LEAST, unit="events/s", is_floor=True
        )
    if {"small_backlog", "large_backlog"} <= sides:
        most = max(run.memory_mib for run in runs if run.side in MEMORY_OF)
        yield Figure(name="peak_memory_mib", value=most, limit=MEMORY_AT_MOST, unit="MiB")


def _of_growths(growths: Sequence[Growth]) -> Iterator[Figure]:
    for growth in growths:
        yield Figure(name=growth.name, value=growth.ratio, limit=GROWTHS[growth.name], unit="times")
