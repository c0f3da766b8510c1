"""Where the time goes of a figure that misses its limit."""

import pstats
import tempfile
from collections.abc import Sequence
from pathlib import Path

from analytics_platform_tests.bench.figures import MEMORY_OF, Figure, Growth
from analytics_platform_tests.bench.ground import Backlog, Ground
from analytics_platform_tests.bench.runner import Run, run_side
from analytics_platform_tests.bench.schedule import BY_NAME

# By figure the side that is ours.
SIDE_OF = {
    "landing_cpu_vs_consume": "landing",
    "landing_cpu_vs_spark": "landing",
    "tls_cost": "landing_tls",
    "path_cpu_vs_consume": "path",
    "path_cpu_vs_naive": "path",
    "path_cpu_vs_spark": "path",
    "drain_events_per_second": "path",
}
LINES = 20


def profiles(
    found: Sequence[Figure], growths: Sequence[Growth], runs: Sequence[Run], backlog: Backlog, ground: Ground
) -> dict[str, list[str]]:
    """By figure that misses its limit: the stages of what has grown, or the functions of our side, dearest first.

    Of memory, the most that each run of ours held.
    """
    missed = [figure.name for figure in found if not figure.holds]
    sides = {SIDE_OF[name] for name in missed if name in SIDE_OF}
    by_side = {side: _profile(side, backlog, ground) for side in sorted(sides)}
    others = {growth.name: _stages(growth) for growth in growths} | {"peak_memory_mib": _memory(runs)}
    return {name: by_side[SIDE_OF[name]] if name in SIDE_OF else others.get(name, []) for name in missed}


def _profile(side: str, backlog: Backlog, ground: Ground) -> list[str]:
    """One more run, under Python's profiler: it sees the CPU of one thread, and makes Python dearer than it is."""
    with tempfile.TemporaryDirectory(prefix="bench-profile-") as folder:
        written = Path(folder) / "profile"
        run_side(BY_NAME[side], backlog, ground, written)
        return dearest(pstats.Stats(str(written)))


def dearest(stats: pstats.Stats) -> list[str]:
    """The functions that took most, each without what it called."""
    found = stats.get_stats_profile().func_profiles
    total = sum(one.tottime for one in found.values()) or 1.0
    ordered = sorted(found.items(), key=lambda item: -item[1].tottime)[:LINES]
    return [
        f"{one.tottime / total:5.1%} {one.tottime:7.2f} s  {name} ({_place(one.file_name)})" for name, one in ordered
    ]


def _place(file: str) -> str:
    return "/".join(Path(file).parts[-2:]) if file not in ("~", "") else "in C"


def _memory(runs: Sequence[Run]) -> list[str]:
    ours = sorted((run for run in runs if run.side in MEMORY_OF), key=lambda run: -run.memory_mib)
    return [f"{run.memory_mib:6,.0f} MiB  {run.events:11,} events  {run.side}" for run in ours]


def _stages(growth: Growth) -> list[str]:
    return [f"{stage:8} {young:8.2f} ms → {old:8.2f} ms" for stage, (young, old) in growth.stages.items()]
