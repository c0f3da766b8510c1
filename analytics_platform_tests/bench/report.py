"""Writes what a bench found: report.json for machines, report.md and chart.svg for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analytics_platform_tests.bench.chart import chart
from analytics_platform_tests.bench.figures import Figure, figures, middle
from analytics_platform_tests.bench.runner import Run
from analytics_platform_tests.proofs.report import circumstances

NAMES = {
    "consume": "confluent-kafka, bare consume",
    "landing": "**ours, landing only**",
    "path": "**ours, the whole path**",
    "stock": "confluent-kafka + orjson + write_deltalake",
    "naive": "kafka-python + json + pandas → Parquet",
}


def write_report(folder: Path, runs: Sequence[Run], about: Mapping[str, Any]) -> list[Figure]:
    """Write the three files into the folder; returns the figures."""
    folder.mkdir(exist_ok=True)
    found = figures(runs)
    document = {
        "figures": [{**_rounded(figure), "holds": figure.holds} for figure in found],
        **about,
        **circumstances(),
        "runs": [asdict(run) for run in runs],
    }
    (folder / "report.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / "report.md").write_text(markdown(runs, found, document))
    (folder / "chart.svg").write_text(chart({_plain(side): _cpu(runs, side) for side in _by_cost(runs)}))
    return found


def markdown(runs: Sequence[Run], found: Sequence[Figure], document: Mapping[str, Any]) -> str:
    """The report as a page."""
    machine, commit = document["machine"], document["commit"][:12]
    lines = [
        f"{document['events']:,} Nexmark bids in {document['encoding']} (lz4), {document['repeats']} runs of each side"
        f" in turn, medians; {machine['cpus']} CPUs, {machine['memory_mb']:,} MB, commit {commit}.",
        "",
        "| side | CPU s per 1M events | events/s | peak private memory |",
        "|---|---:|---:|---:|",
        *(_row(runs, side) for side in _by_cost(runs)),
        "",
        "| figure | value | limit | |",
        "|---|---:|---:|---|",
        *(
            f"| `{f.name}` | {f.value:,.2f} | {'≥' if f.is_floor else '≤'} {f.limit:,g} {f.unit} |"
            f" {'holds' if f.holds else '**open**'} |"
            for f in found
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(runs: Sequence[Run], side: str) -> str:
    rate = middle(runs, side, lambda run: run.events / run.wall)
    memory = max(run.memory_mib for run in runs if run.side == side)
    return f"| {NAMES.get(side, side)} | {_cpu(runs, side):.2f} | {rate:,.0f} | {memory:,.0f} MiB |"


def _by_cost(runs: Sequence[Run]) -> list[str]:
    return sorted({run.side for run in runs}, key=lambda side: _cpu(runs, side))


def _cpu(runs: Sequence[Run], side: str) -> float:
    return middle(runs, side, lambda run: run.cpu_per_million)


def _plain(side: str) -> str:
    return NAMES.get(side, side).replace("*", "")


def _rounded(figure: Figure) -> dict[str, Any]:
    return {"name": figure.name, "value": round(figure.value, 3), "limit": figure.limit, "unit": figure.unit}
