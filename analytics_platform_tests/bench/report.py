"""`report.json` (figures and raw runs), `report.md` and `chart.svg`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from analytics_platform_tests.bench.chart import chart
from analytics_platform_tests.bench.figures import Figure, Growth, figures, marginal, middle, missing
from analytics_platform_tests.bench.runner import Run
from analytics_platform_tests.bench.schedule import BACKLOGS, BY_NAME, SPARK
from analytics_platform_tests.proofs.report import circumstances

UNCHARTED = {side.name for side in BACKLOGS}
IN_A_JVM = {side.name for side in SPARK}  # what is looked at is the process that started it


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that a bench has measured; `profiles` by figure that misses its limit, where the time goes."""

    runs: Sequence[Run]
    growths: Sequence[Growth] = ()
    profiles: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def figures(self) -> list[Figure]:
        """What it comes to."""
        return figures(self.runs, self.growths)


def write_report(folder: Path, measured: Measured, about: Mapping[str, Any]) -> None:
    """Write the three files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = measured.figures()
    document = {
        "figures": [_document(figure) for figure in found],
        "missing": missing(found),
        **about,
        **circumstances(),
        "runs": [asdict(run) for run in measured.runs],
        "growths": [asdict(growth) for growth in measured.growths],
        "profiles": {name: list(lines) for name, lines in measured.profiles.items()},
    }
    (folder / "report.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / "report.md").write_text(markdown(measured, document))
    charted = [side for side in _by_cost(measured.runs) if side not in UNCHARTED]
    (folder / "chart.svg").write_text(chart({BY_NAME[side].label: _cpu(measured.runs, side) for side in charted}))


def markdown(measured: Measured, document: Mapping[str, Any]) -> str:
    """The report as a page."""
    machine, commit = document["machine"], document["commit"][:12]
    runs = measured.runs
    lines = [
        f"{document['events']:,} Nexmark bids in {document['encoding']} (lz4), {document['repeats']} runs of each side"
        f" in turn, medians; {machine['cpus']} CPUs, {machine['memory_mb']:,} MB, commit {commit}.",
        "",
        *figure_table(measured.figures(), document["missing"]),
        "",
        "| side | CPU s per 1M events | events/s | peak private memory |",
        "|---|---:|---:|---:|",
        *(_row(runs, side) for side in _by_cost(runs)),
    ]
    if measured.growths:
        lines += ["", "| growth | young, ms | old, ms | of what |", "|---|---:|---:|---|"]
        lines += [f"| `{g.name}` | {median(g.young):.1f} | {median(g.old):.1f} | {g.about} |" for g in measured.growths]
    for name, profile in measured.profiles.items():
        lines += ["", f"`{name}`, where the time goes:", "", *(f"    {line}" for line in profile)]
    return "\n".join(lines) + "\n"


def figure_table(found: Sequence[Figure], absent: Mapping[str, str]) -> list[str]:
    """The figures as a table, those that are missing below."""
    return [
        "| figure | value | limit | |",
        "|---|---:|---:|---|",
        *(
            f"| `{f.name}` | {f.value:,.2f} | {'≥' if f.is_floor else '≤'} {f.limit:,g} {f.unit} |"
            f" {'holds' if f.holds else '**open**'} |"
            for f in found
        ),
        *(f"| `{name}` | | | {why} |" for name, why in absent.items()),
    ]


def _row(runs: Sequence[Run], side: str) -> str:
    rate = middle(runs, side, lambda run: run.events / run.wall)
    memory = max(run.memory_mib for run in runs if run.side == side)
    label = BY_NAME[side].label
    named = f"**{label}**" if label.startswith("ours") else label
    held = f"{memory:,.0f} MiB" if side not in IN_A_JVM else "not measured"
    return f"| {named} | {_cpu(runs, side):.2f} | {rate:,.0f} | {held} |"


def _by_cost(runs: Sequence[Run]) -> list[str]:
    return sorted({run.side for run in runs}, key=lambda side: _cpu(runs, side))


def _cpu(runs: Sequence[Run], side: str) -> float:
    return marginal(runs, side) or 0.0


def _document(figure: Figure) -> dict[str, Any]:
    kept = {name: getattr(figure, name) for name in ("name", "value", "limit", "unit")}
    return {**kept, "holds": figure.holds}
