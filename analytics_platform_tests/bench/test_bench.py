"""Figures come from medians, and the report says what holds, what does not, what is missing, and why."""

import json
import ssl
from datetime import UTC, datetime

import pytest

from analytics_platform.security.certificate_files import CertificateFolder
from analytics_platform_tests.bench.figures import NAMES, Growth, figures, marginal, missing
from analytics_platform_tests.bench.ground import SERVER
from analytics_platform_tests.bench.readme import FIRST, LAST, with_section
from analytics_platform_tests.bench.report import Measured, write_report
from analytics_platform_tests.bench.runner import Run
from analytics_platform_tests.bench.schedule import SIDES, in_turn
from analytics_platform_tests.proofs.report import ROOT

ABOUT = {"events": 1_000_000, "encoding": "json", "repeats": 3}


def run(side, cpu, *, wall=5.0, memory=100.0, events=1_000_000):
    return Run(side=side, events=events, wall=wall, cpu=cpu, served_cpu=0.0, process_cpu=cpu, memory_mib=memory)


RUNS = [
    *(run("consume", cpu) for cpu in (1.0, 1.2, 9.0)),
    *(run("path", cpu, wall=wall) for cpu, wall in ((4.8, 6.0), (5.0, 4.0), (4.0, 5.0))),
    run("landing", 3.0),
    run("landing_tls", 3.6),
    run("naive", 20.0),
]
BACKLOGS = [run("small_backlog", 5.0, memory=700), run("large_backlog", 50.0, memory=800, events=10_000_000)]
SPARK = [
    run(side, cpu, events=events)
    for side in ("spark_parse", "spark_path")
    for cpu, events in ((40.0, 1_000_000), (60.0, 5_000_000))
]
GROWTHS = [
    Growth(name=name, young=[10.0, 11.0, 12.0], old=[11.0, 22.0, 11.0], about="a cycle", stages={"land": (1.0, 2.0)})
    for name in ("batch_growth", "dedup_growth", "dedup_growth_random_ids", "read_growth")
]


def values(runs, growths=()):
    return {figure.name: figure.value for figure in figures(runs, growths)}


def test_figures_are_ratios_of_medians():
    found = values(RUNS, GROWTHS)
    assert found["path_cpu_vs_consume"] == 4.8 / 1.2
    assert found["landing_cpu_vs_consume"] == 3.0 / 1.2
    assert found["tls_cost"] == 3.6 / 3.0
    assert found["drain_events_per_second"] == 200_000
    assert found["read_growth"] == 1.0


def test_memory_is_the_most_that_any_backlog_took():
    assert "peak_memory_mib" not in values(RUNS)
    assert values([*RUNS, *BACKLOGS])["peak_memory_mib"] == 800


def test_what_starts_slowly_is_compared_at_the_margin():
    assert marginal(SPARK, "spark_parse") == 5.0
    assert values([*RUNS, *SPARK])["landing_cpu_vs_spark"] == 3.0 / 5.0


def test_a_figure_on_the_wrong_side_of_its_limit_does_not_hold():
    held = {figure.name: figure.holds for figure in figures(RUNS)}
    assert held["path_cpu_vs_consume"]
    assert held["drain_events_per_second"]
    assert not held["landing_cpu_vs_consume"]


def test_every_figure_of_the_list_comes_of_a_whole_bench():
    everything = figures([*RUNS, *BACKLOGS, *SPARK], GROWTHS)
    assert [figure.name for figure in everything] == list(NAMES)
    assert missing(everything) == {}


def test_a_figure_without_one_of_its_sides_is_missing_and_says_what_would_measure_it():
    absent = missing(figures([run("consume", 1.0)]))
    assert absent.keys() == set(NAMES)
    assert "bench-peers" in absent["path_cpu_vs_spark"]


def test_sides_take_turns_forwards_and_backwards():
    again = [side for side in reversed(SIDES) if not side.once]
    assert list(in_turn(SIDES, 2)) == [*SIDES, *again]
    assert {side.name for side in SIDES} - {side.name for side in again} == {"consume_tls", "path_tls"}


def test_the_report_has_figures_gaps_raw_runs_profiles_and_circumstances(tmp_path):
    profiled = {"landing_cpu_vs_consume": ["80%  8.00 s  decompress"]}
    write_report(tmp_path, Measured(runs=[*RUNS, *BACKLOGS], growths=GROWTHS, profiles=profiled), ABOUT)
    report = json.loads((tmp_path / "report.json").read_text())
    assert {"name", "value", "limit", "unit", "holds"} == report["figures"][0].keys()
    assert report["missing"].keys() == {"landing_cpu_vs_spark", "path_cpu_vs_spark"}
    assert len(report["runs"]) == len([*RUNS, *BACKLOGS])
    assert report["growths"][0]["old"] == [11.0, 22.0, 11.0]
    assert {"machine", "versions", "commit"} <= report.keys()
    page = (tmp_path / "report.md").read_text()
    assert "| `landing_cpu_vs_consume` | 2.50 | ≤ 2 times | **open** |" in page
    assert "    80%  8.00 s  decompress" in page
    assert (tmp_path / "chart.svg").read_text().count("<rect") == 1 + len({r.side for r in RUNS})


def test_the_readme_gets_figures_and_sides_between_its_marks_each_time_anew(tmp_path):
    write_report(tmp_path, Measured(runs=RUNS, growths=GROWTHS), ABOUT)
    page = (tmp_path / "report.md").read_text()
    readme = with_section(with_section(f"# x\n{FIRST}\n{LAST}\nthe rest\n", page), page)
    assert readme.count("| `path_cpu_vs_consume` |") == readme.count("## What it costs") == 1
    assert "bare consume" in readme and "a cycle" not in readme
    assert readme.endswith(f"{LAST}\nthe rest\n")


def test_the_readme_has_the_marks():
    assert FIRST in (ROOT / "README.md").read_text()
    with pytest.raises(ValueError, match="has no line"):
        with_section("# x", "")


def test_certificates_are_good_for_the_loopback_and_for_who_trusts_their_authority(tmp_path):
    found = CertificateFolder(tmp_path)
    found.provide([SERVER], datetime.now(UTC))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(found.of(SERVER.name))
    assert _shake(server, ssl.create_default_context(cafile=str(found.trust)), "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(server, ssl.create_default_context(), "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(server, ssl.create_default_context(cafile=str(found.trust)), "127.0.0.2")


def _shake(server, client, host):
    """Whether the two agree, without a network between them."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=host)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return here.version() == "TLSv1.3"
