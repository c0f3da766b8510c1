"""Figures come from medians, and the report says what holds."""

import json

from analytics_platform_tests.bench.figures import figures
from analytics_platform_tests.bench.report import write_report
from analytics_platform_tests.bench.runner import Run


def run(side, cpu, *, wall=5.0, memory=100.0):
    return Run(side=side, events=1_000_000, wall=wall, cpu=cpu, served_cpu=0.0, process_cpu=cpu, memory_mib=memory)


RUNS = [
    *(run("consume", cpu) for cpu in (1.0, 1.2, 9.0)),
    *(run("path", cpu, wall=wall) for cpu, wall in ((4.8, 6.0), (5.0, 4.0), (4.0, 5.0))),
    run("landing", 3.0),
    run("naive", 20.0),
]


def test_figures_are_ratios_of_medians():
    found = {figure.name: figure.value for figure in figures(RUNS)}
    assert found["path_cpu_vs_consume"] == 4.8 / 1.2
    assert found["landing_cpu_vs_consume"] == 3.0 / 1.2
    assert found["drain_events_per_second"] == 200_000


def test_a_figure_on_the_wrong_side_of_its_limit_does_not_hold():
    held = {figure.name: figure.holds for figure in figures(RUNS)}
    assert held["path_cpu_vs_consume"]
    assert held["drain_events_per_second"]
    assert not held["landing_cpu_vs_consume"]


def test_a_figure_needs_both_of_its_sides():
    assert [figure.name for figure in figures([run("consume", 1.0)])] == []


def test_the_report_has_the_figures_the_raw_runs_and_the_circumstances(tmp_path):
    write_report(tmp_path, RUNS, {"events": 1_000_000, "encoding": "json", "repeats": 3})
    report = json.loads((tmp_path / "report.json").read_text())
    assert {"name", "value", "limit", "unit", "holds"} == report["figures"][0].keys()
    assert len(report["runs"]) == len(RUNS)
    assert {"machine", "versions", "commit"} <= report.keys()
    page = (tmp_path / "report.md").read_text()
    assert "| `landing_cpu_vs_consume` | 2.50 | ≤ 2 times | **open** |" in page
    assert (tmp_path / "chart.svg").read_text().count("<rect") == 1 + len({r.side for r in RUNS})
