"""`python -m analytics_platform_tests.bench`: all sides in one run, bench/report.json, bench/report.md and a chart."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import psutil

from analytics_platform_tests.bench.report import write_report
from analytics_platform_tests.bench.runner import Ground, Run, run_side
from analytics_platform_tests.bench.topic import produce
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.report import ROOT

ORJSON = "orjson==3.11.4"  # a peer's, never a dependency of ours
SIDES = ("consume", "landing", "path", "stock", "naive")
FOLDER = ROOT / "bench"
PEERS = ROOT / ".state" / "bench"


@click.command()
@click.option("--events", type=int, default=5_000_000, show_default=True)
@click.option("--repeats", type=int, default=3, show_default=True)
@click.option("--encoding", type=click.Choice(["avro", "json"]), default="json", show_default=True)
@click.option("--side", "sides", multiple=True, type=click.Choice(SIDES), help="only these; no report  [default: all]")
@click.option("--seed", type=int, default=1, show_default=True)
def main(events: int, repeats: int, encoding: str, sides: Sequence[str], seed: int) -> None:
    """Measure all sides."""
    with _ground(events, encoding, seed) as ground:
        runs = [_run(side, ground) for turn in range(repeats) for side in _in_turn(sides or SIDES, turn)]
    about = {"events": ground.events, "encoding": encoding, "repeats": repeats, "seed": seed}
    for figure in [] if sides else write_report(FOLDER, runs, about):
        bound = "at least" if figure.is_floor else "at most"
        verdict = "holds" if figure.holds else "OPEN "
        click.echo(f"{verdict}  {figure.name} = {figure.value:,.2f} {figure.unit} ({bound} {figure.limit:,g})")


def _in_turn(sides: Sequence[str], turn: int) -> Sequence[str]:
    """Every second time backwards: what the machine does besides then harms no side alone."""
    return sides if turn % 2 == 0 else sides[::-1]


def _run(side: str, ground: Ground) -> Run:
    run = run_side(side, ground)
    rate = run.events / run.wall
    click.echo(
        f"{side:8}  {run.wall:6.2f} s  {run.cpu_per_million:6.2f} CPU s per 1M ({run.served_cpu:.2f} s served)"
        f"  {rate:9,.0f} events/s  {run.memory_mib:6.0f} MiB"
    )
    return run


@contextmanager
def _ground(events: int, encoding: str, seed: int) -> Generator[Ground]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        kafka = stack.enter_context(running_kafka(folder / "kafka", ROOT / ".state" / "jars"))
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        began = time.monotonic()
        count = produce(kafka.bootstrap, f"bids-{encoding}", encoding, events, seed)
        click.echo(f"{count:,} bids in {encoding}, produced in {time.monotonic() - began:.1f} s")
        yield Ground(
            bootstrap=kafka.bootstrap,
            topic=f"bids-{encoding}",
            encoding=encoding,
            events=count,
            new_dsn=lambda: stack.enter_context(fresh_database(postgres)),
            servant=_postmaster(postgres.folder),
            environment={"PYTHONPATH": f"{ROOT}:{_peers()}"},
        )


def _postmaster(folder: Path) -> psutil.Process:
    pid = int(next(folder.rglob("postmaster.pid")).read_text().splitlines()[0])
    return psutil.Process(pid)


def _peers() -> Path:
    """A folder with what only other sides need."""
    if not (PEERS / "orjson").exists():
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PEERS), ORJSON]
        subprocess.run(argv, check=True)
    return PEERS


if __name__ == "__main__":
    main()
