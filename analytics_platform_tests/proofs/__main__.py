"""Runs one proof: `python -m analytics_platform_tests.proofs live-2`; exit code 1 when it did less than it claims.

A proof is a module beside this file, `live_2.py` for live-2, with `def prove(report: Report) -> None`.
"""

import importlib
import sys
from pathlib import Path

import click

from analytics_platform_tests.proofs.report import ROOT, Report


def names() -> list[str]:
    """Every proof there is."""
    modules = [path.stem for path in Path(__file__).parent.glob("*_[0-9]*.py")]
    return sorted(module.replace("_", "-") for module in modules)


@click.command()
@click.argument("name", required=False)
@click.option("--list", "list_only", is_flag=True, help="Only list the proofs.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(name: str | None, list_only: bool, seed: int) -> None:
    """Run the proof NAME, say what it does, write build/proofs/NAME.json."""
    if list_only or name is None:
        click.echo("\n".join(names()) or "no proofs yet")
        return
    if name not in names():
        raise click.BadParameter(f"no such proof; there are: {', '.join(names()) or 'none yet'}")
    report = Report(name, click.echo, seed=seed)
    module = importlib.import_module(f"analytics_platform_tests.proofs.{name.replace('-', '_')}")
    click.echo(f"{name}: {(module.__doc__ or '').strip().splitlines()[0]}")
    try:
        module.prove(report)
    except BaseException as error:
        report.claim(f"runs to its end ({type(error).__name__}: {error})", holds=False)
        raise
    finally:
        click.echo(f"wrote {report.write().relative_to(ROOT)}")
    if report.failed:
        click.echo(f"{name} did less than it claims:")
        click.echo("\n".join(f"  - {claim}" for claim in report.failed))
        sys.exit(1)
    click.echo(f"{name}: all {len(report.held)} claims hold")


if __name__ == "__main__":
    main()
