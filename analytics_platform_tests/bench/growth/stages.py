"""Times the same thing on two grounds in turn, and keeps what a cycle's log says of its stages."""

import cProfile
import logging
import pstats
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import median
from typing import Self

from analytics_platform_tests.bench.figures import Growth

Timed = Callable[[Callable[[], object]], object]
CYCLES = logging.getLogger("analytics_platform.pipeline.cycle")
FUNCTIONS = 8


class Stopwatch(logging.Handler):
    """Milliseconds by ground, `young` and `old`; while it is open it listens to what cycles log of their stages."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._taken: dict[str, list[float]] = defaultdict(list)
        self._stages: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._ground = ""
        self._level = CYCLES.level

    def __enter__(self) -> Self:
        CYCLES.addHandler(self)
        CYCLES.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        CYCLES.removeHandler(self)
        CYCLES.setLevel(self._level)

    def on(self, ground: str) -> Timed:
        """What does a thing once, on that ground."""

        def timed(one: Callable[[], object]) -> None:
            self._ground, began = ground, time.perf_counter()
            one()
            self._taken[ground].append((time.perf_counter() - began) * 1000)

        return timed

    def profile(self, young: Callable[[], object], old: Callable[[], object]) -> None:
        """Do it once more on both grounds under Python's profiler: the functions that take most are its stages."""
        taken = {"young": _milliseconds(young), "old": _milliseconds(old)}
        for name in sorted(taken["old"], key=taken["old"].__getitem__, reverse=True)[:FUNCTIONS]:
            for ground, spent in taken.items():
                self._stages[name][ground].append(spent.get(name, 0.0))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a cycle's stages."""
        seconds: Mapping[str, float] = getattr(record, "seconds", {})
        for stage, spent in seconds.items():
            self._stages[stage][self._ground].append(spent * 1000)

    def growth(self, name: str, about: str) -> Growth:
        """What it comes to."""
        stages = {
            stage: (round(median(taken["young"]), 2), round(median(taken["old"]), 2))
            for stage, taken in self._stages.items()
        }
        return Growth(
            name=name,
            young=[round(ms, 3) for ms in self._taken["young"]],
            old=[round(ms, 3) for ms in self._taken["old"]],
            about=about,
            stages=stages,
        )


def _milliseconds(one: Callable[[], object]) -> dict[str, float]:
    """By function, without what it calls."""
    profile = cProfile.Profile()
    profile.runcall(one)
    functions = pstats.Stats(profile).get_stats_profile().func_profiles
    return {name: function.tottime * 1000 for name, function in functions.items()}
