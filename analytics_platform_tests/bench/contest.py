"""All sides in one run, in turn, on the same topics."""

from collections.abc import Callable, Sequence

from analytics_platform_tests.bench.figures import Growth, figures
from analytics_platform_tests.bench.ground import Backlog, Ground, filled
from analytics_platform_tests.bench.profile import profiles
from analytics_platform_tests.bench.report import Measured
from analytics_platform_tests.bench.runner import Run, run_side
from analytics_platform_tests.bench.schedule import BACKLOGS, SIDES, SPARK, Side, in_turn
from analytics_platform_tests.bench.sizes import Sizes

Say = Callable[[str], object]


def contest(
    ground: Ground, sizes: Sizes, seed: int, growths: Sequence[Growth], say: Say, *, with_spark: bool
) -> Measured:
    """Run them, and those of ours whose figures miss their limits once more under a profiler.

    What Spark takes at the margin needs two sizes: it reads the topic of all, and the smaller backlog.
    """
    whole = filled(ground, sizes.events, seed, say)
    runs = [_told(side, whole, ground, say) for side in in_turn(SIDES, sizes.repeats)]
    small, large = (filled(ground, events, seed, say) for events in sizes.backlogs)
    runs += [_told(side, backlog, ground, say) for side, backlog in zip(BACKLOGS, (small, large), strict=True)]
    if with_spark:
        runs += _spark_runs((small, whole), ground, say)
    found = figures(runs, growths)
    return Measured(runs=runs, growths=growths, profiles=profiles(found, growths, runs, small, ground))


def _spark_runs(backlogs: Sequence[Backlog], ground: Ground, say: Say) -> list[Run]:
    """All or none of them: where Spark does not start, its figures are missing, and nothing else is lost."""
    try:
        return [_told(side, backlog, ground, say) for side in SPARK for backlog in backlogs]
    except RuntimeError as error:
        say(f"Spark did not run: {error}")
        return []


def _told(side: Side, backlog: Backlog, ground: Ground, say: Say) -> Run:
    run = run_side(side, backlog, ground)
    say(
        f"{side.name:13}  {run.wall:6.2f} s  {run.cpu_per_million:6.2f} CPU s per 1M ({run.served_cpu:.2f} s served)"
        f"  {run.events / run.wall:9,.0f} events/s  {run.memory_mib:6.0f} MiB"
    )
    return run
