"""A whole `make bench-peers` on this code: every figure of the list is measured, on sides that did the same work.

It claims that nothing is missing and that what was compared is comparable; whether a figure keeps its limit is said, in
red where it does not with where the time goes, and is no claim. About half an hour on an idle machine of two cores.
"""

import click

from analytics_platform_tests.bench.__main__ import FOLDER, measure, tell
from analytics_platform_tests.bench.figures import NAMES, figures, missing
from analytics_platform_tests.bench.report import write_report
from analytics_platform_tests.bench.schedule import SIDES
from analytics_platform_tests.bench.sizes import FULL
from analytics_platform_tests.proofs.report import Report


def prove(report: Report) -> None:
    """Run it, write bench/, and see that a report without one of its sides would be noticed."""
    measured = measure(FULL, "json", report.seed, peers=True)
    write_report(FOLDER, measured, FULL.about("json", report.seed))
    tell(measured)
    found = measured.figures()
    for figure in found:
        report.figure(figure.name, f"{figure.value:,.2f} {figure.unit}, {'holds' if figure.holds else 'OPEN'}")
    report.claim(f"every figure is there {missing(found) or ''}", not missing(found))
    runs = {side.name: [run for run in measured.runs if run.side == side.name] for side in SIDES}
    turns = {side.name: 1 if side.once else FULL.repeats for side in SIDES}
    report.claim("every side had its turns", {name: len(of) for name, of in runs.items()} == turns)
    whole = {run.events for side in SIDES if side.share == 1 for run in runs[side.name]}
    report.claim("those that read all of the topic read the same number of events", len(whole) == 1)
    missed = [figure.name for figure in found if not figure.holds]
    report.claim("each figure that misses its limit has a profile", all(measured.profiles.get(name) for name in missed))
    without = figures([run for run in measured.runs if run.side != "consume"], measured.growths)
    report.claim("noticed: a report without the bare consumer", len(missing(without)) == 2)
    click.echo(f"{len(found)} of {len(NAMES)} figures; {len(found) - len(missed)} keep their limits")
