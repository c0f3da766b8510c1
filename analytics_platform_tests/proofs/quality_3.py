"""publish → retract → publish is publish; retract(b) is a history without b; release after hold is never held.

And while a batch is held, no grain of the model that its release will change is called complete.

Property tests over random histories, by hypothesis and from its own random choices under a seed that is printed: events
in batches, with copies, conflicts and rows that break a rule; a batch is drawn. Content hashes of every table are
compared; what silver and the model hold is also compared with an oracle of a few lines that shares nothing with the
platform. Real Delta tables, a real Postgres; the broker is in memory. Then the code that revives copies is broken, and
that must be noticed.
"""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from analytics_platform_tests.brokers import Postgres, running_postgres
from analytics_platform_tests.pipeline import histories as h
from analytics_platform_tests.pipeline.test_retract import release_is_exact, retraction_is_exact
from analytics_platform_tests.proofs.report import Report

EXAMPLES = 15


def prove(report: Report) -> None:
    """Both properties, and that a wrong oracle is told from a right one."""
    chosen = random.Random(report.seed).randrange(10**6)
    report.figure("seed of hypothesis", chosen)
    with tempfile.TemporaryDirectory(prefix="quality-3-") as place, running_postgres(Path(place) / "pg") as postgres:
        for name, check in (
            ("publish, retract, publish is publish; retract is a history without it", retraction_is_exact),
            ("release after hold is never held, and what it changes was not called complete", release_is_exact),
        ):
            report.step(name)
            counted = _run(check, postgres, chosen)
            report.figure(f"histories: {name}", counted)
            report.claim(name, counted >= EXAMPLES)
    _planted(report)


def _run(check: Callable[..., None], postgres: Postgres, chosen: int) -> int:
    """How many random histories held; an example that does not is shrunk, told of and raised."""
    done = 0

    @seed(chosen)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(h.HISTORIES, st.data())
    def every_history(history, data) -> None:
        nonlocal done
        check(postgres, history, data.draw(st.integers(1, len(history))))
        done += 1

    every_history()
    return done


def _planted(report: Report) -> None:
    """An oracle that does not revive copies would differ on some history: the histories are rich enough to tell."""
    report.step("planted: copies that a retracted batch kept out stay out")

    def forgets(history) -> bool:
        right, first = h.expected(history, gone={1}), h.expected(history)
        kept_out = {id_ for id_ in right if id_ in h.expected(history[:1])}
        return bool(kept_out) and right != {i: v for i, v in first.items() if i in right and i not in kept_out}

    try:
        example = find(h.HISTORIES, forgets, settings=settings(database=None, max_examples=500))
    except NoSuchExample:
        example = None
    report.figure("such a history", str(example))
    report.claim("noticed: the histories tell whether copies are revived", example is not None)
