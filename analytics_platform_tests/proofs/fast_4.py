"""The decision page of the hot path: what was tried and rejected, with numbers, and the figures of the bench.

Its table of figures must be that of `bench/report.json`, number for number; a missed one says why. Every alternative
that was rejected says what was measured of it, or that it was not tried. Pages it leans on have their own numbers.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from analytics_platform_tests.bench.figures import NAMES
from analytics_platform_tests.proofs.report import ROOT, Report

DECISIONS = ROOT / "docs" / "decisions"
PAGE = DECISIONS / "0020-the-hot-path.md"
LEANS_ON = ("0002-avro-lanes.md", "0003-content-hash.md", "0008-bulk-fetch.md", "0009-small-files.md")
PARTS = ("Context", "Decision", "Numbers", "Rejected")
NOT_TRIED, ELSEWHERE = "not tried", r"\[\d{4}\]\("
FEWEST_REJECTED, SHORTEST_REASON = 8, 20


def prove(report: Report) -> None:
    """Read the pages and the report; then damage copies, each of which must be noticed."""
    measured = {
        figure["name"]: figure for figure in json.loads((ROOT / "bench" / "report.json").read_text())["figures"]
    }
    page = PAGE.read_text()
    report.figure("figures of the report", {name: figure["value"] for name, figure in measured.items()})
    report.claim("the report has every figure of the list", list(measured) == list(NAMES))
    found = faults(page, measured)
    report.claim(f"the page says what was tried, measured and missed {found or ''}", not found)
    rejected = rows_of(page, "Rejected")
    report.figure("what was rejected", dict(rejected.items()))
    report.claim(f"at least {FEWEST_REJECTED} things were", len(rejected) >= FEWEST_REJECTED)
    for name in LEANS_ON:
        lacking = lacking_parts((DECISIONS / name).read_text())
        report.claim(f"{name} has its parts, and numbers {lacking or ''}", not lacking)
    _damage(report, page, measured)


def faults(page: str, measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the page lacks or has otherwise than it was measured."""
    told = rows_of(page, "Figures")
    found = [f"no part {part}" for part in lacking_parts(page)]
    found += [f"{name} is not told" for name in measured if f"`{name}`" not in told]
    for name, figure in measured.items():
        value, _, reason = (*told.get(f"`{name}`", "").split(" | "), "", "")[:3]
        if value.strip() != shown(figure["value"]):
            found.append(f"{name} is {shown(figure['value'])}, the page says {value.strip() or 'nothing'}")
        if not figure["holds"] and len(reason) < SHORTEST_REASON:
            found.append(f"{name} is missed without a reason")
    return found + [
        f"{tried}: no number" for tried, said in rows_of(page, "Rejected").items() if not _is_measured(said)
    ]


def shown(value: float) -> str:
    """A figure as tables show it."""
    return f"{value:,.2f}"


def lacking_parts(page: str) -> list[str]:
    """The parts that a decision has and this one has not; numbers without a digit are none."""
    lacking = [part for part in PARTS if not _part(page, part).strip()]
    return lacking + ([] if re.search(r"\d", _part(page, "Numbers")) else ["a number"])


def rows_of(page: str, part: str) -> dict[str, str]:
    """By their first cell, the rest of the rows of a part's table."""
    lines = [line.strip().strip("|") for line in _part(page, part).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]
    return {first: " | ".join(rest) for first, *rest in cells}


def _part(page: str, name: str) -> str:
    """What follows a bold word up to the next one that begins a line."""
    _, found, rest = page.partition(f"**{name}.**")
    return re.split(r"^\*\*[A-Z]\w+\.\*\*", rest, maxsplit=1, flags=re.MULTILINE)[0] if found else ""


def _is_measured(said: str) -> bool:
    return bool(re.search(r"\d", said)) or NOT_TRIED in said or bool(re.search(ELSEWHERE, said))


def _damage(report: Report, page: str, measured: Mapping[str, Mapping[str, Any]]) -> None:
    report.step("damage copies of the page: each must be noticed")
    first = next(iter(measured))
    row = next(line for line in page.splitlines() if line.startswith(f"| `{first}`"))
    tried = next(iter(rows_of(page, "Rejected")))
    rejected = next(line for line in page.splitlines() if line.startswith(f"| {tried} |"))
    planted = {
        "a figure that is left out": page.replace(row + "\n", ""),
        "a figure that is another": page.replace(row, row.replace(shown(measured[first]["value"]), "0.01")),
        "an alternative without a number": page.replace(rejected, f"| {tried} | slower |"),
        "no part on what was rejected": page.replace("**Rejected.**", "Rejected."),
    }
    planted |= {
        f"{name} missed without a reason": page.replace(line, line.rpartition(" | ")[0] + " | |")
        for name, line in _missed(page, measured).items()
    }
    for fault, damaged in planted.items():
        report.claim(f"noticed: {fault}", damaged != page and bool(faults(damaged, measured)))


def _missed(page: str, measured: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By figure that misses its limit, its line of the page."""
    lines = page.splitlines()
    names = [name for name, figure in measured.items() if not figure["holds"]]
    return {name: next(line for line in lines if line.startswith(f"| `{name}`")) for name in names}
