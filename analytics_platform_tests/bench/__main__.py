"""`python -m analytics_platform_tests.bench`: all sides in one run, bench/report.json, bench/report.md and a chart."""

import sys
import time
from dataclasses import replace

import click

from analytics_platform_tests.bench import ground
from analytics_platform_tests.bench.contest import contest
from analytics_platform_tests.bench.figures import missing
from analytics_platform_tests.bench.growth.measure import growths
from analytics_platform_tests.bench.peers import environment, spark
from analytics_platform_tests.bench.readme import with_section
from analytics_platform_tests.bench.report import Measured, write_report
from analytics_platform_tests.bench.sizes import FULL, QUICK, Sizes
from analytics_platform_tests.proofs.report import ROOT

FOLDER, QUICK_FOLDER = ROOT / "bench", ROOT / "build" / "bench-quick"


def _readme(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        path = ROOT / "README.md"
        path.write_text(with_section(path.read_text(), (FOLDER / "report.md").read_text()))
        context.exit()


@click.command()
@click.option("--quick", is_flag=True, help="Smaller: to see that it runs; its figures are not those of the limits.")
@click.option("--peers", is_flag=True, help="With Spark, which is fetched first (1 GB).")
@click.option("--events", type=int, help="In the topic that all sides read.  [default: 5M, quick: 500k]")
@click.option("--repeats", type=int, help="Of each side.  [default: 3, quick: 1]")
@click.option("--encoding", type=click.Choice(["avro", "json"]), default="json", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--readme",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_readme,
    help="Measure nothing: put the last report into README.md.",
)
def main(quick: bool, peers: bool, events: int | None, repeats: int | None, encoding: str, seed: int) -> None:
    """Measure everything, write bench/ or build/bench-quick/; exit code 1 if a figure is missing."""
    sizes = QUICK if quick else FULL
    sizes = replace(sizes, events=events or sizes.events, repeats=repeats or sizes.repeats)
    began = time.monotonic()
    measured = measure(sizes, encoding, seed, peers=peers)
    folder = QUICK_FOLDER if quick else FOLDER
    write_report(folder, measured, {**sizes.about(encoding, seed), "seconds": round(time.monotonic() - began, 1)})
    tell(measured)
    absent = missing(measured.figures())
    sys.exit(1 if any(peers or "peers" not in why for why in absent.values()) else 0)


def measure(sizes: Sizes, encoding: str, seed: int, *, peers: bool) -> Measured:
    """Growths first, while the disk is empty; then all sides."""
    grown = growths(sizes, click.echo)
    found = environment() | (spark(click.echo) if peers else {})
    with ground.opened(encoding, found) as place:
        return contest(place, sizes, seed, grown, click.echo, with_spark=peers)


def tell(measured: Measured) -> None:
    """Say each figure; one that misses its limit in red, with where the time goes."""
    for figure in measured.figures():
        bound = "at least" if figure.is_floor else "at most"
        line = f"{figure.name} = {figure.value:,.2f} {figure.unit} ({bound} {figure.limit:,g})"
        click.secho(f"{'holds' if figure.holds else 'OPEN '}  {line}", fg=None if figure.holds else "red")
        for detail in measured.profiles.get(figure.name, ()):
            click.echo(f"         {detail}")
    for name, why in missing(measured.figures()).items():
        click.secho(f"none   {name} ({why})", fg="yellow")


if __name__ == "__main__":
    main()
