"""No verdict is wrongly "compatible": cases from the specifications, and 100,000 pairs whose data are decoded."""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from analytics_platform.product import Compatibility
from analytics_platform_tests.proofs.broken_code import Fault, copied_code, plant, planted
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.registry.compatibility import cases_avro, cases_avro_logical, cases_json, cases_json_logic
from analytics_platform_tests.registry.compatibility.hunt import Tally, hunt

PAIRS = {"avro": 80_000, "json": 20_000}
CHUNK = 1_000  # pairs that one seed makes
LEAST_CASES = 120
PLANTED_PAIRS = {"avro": 1_500, "json": 400}
SUITE = "analytics_platform_tests.registry.compatibility.test_cases"
FAILING = f"from {SUITE} import CASES, CHAINS; print(sum(bool(case.differs()) for case in [*CASES, *CHAINS]))"
FOLDER = "registry/compatibility"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFault(Fault):
    """A rule that is taken out; `is_decoded` if few pairs are enough for readers to notice."""

    format: str
    is_decoded: bool = True


NO_LIBRARIES = Fault(
    name="the libraries are not asked",
    file=f"{FOLDER}/__init__.py",
    right="doubt = objection(writer, reader) if not found else None",
    wrong="doubt = None",
)
FAULTS = (
    RuleFault(
        name="logical types need not agree",
        file=f"{FOLDER}/avro_rules.py",
        right="if written.logical != read.logical:",
        wrong="if False:",
        format="avro",
    ),
    RuleFault(
        name="an absent field needs no default",
        file=f"{FOLDER}/avro_rules.py",
        right="                self._absent(field, below)",
        wrong="                pass",
        format="avro",
    ),
    RuleFault(
        name="of a union any branch will do",
        file=f"{FOLDER}/avro_rules.py",
        right="for branch in dict.fromkeys([matching[0][0], *same]):",
        wrong="for branch in ():",
        format="avro",
    ),
    RuleFault(
        name="symbols need not be known",
        file=f"{FOLDER}/avro_rules.py",
        right="if unknown and read.default is None:",
        wrong="if False:",
        format="avro",
    ),
    RuleFault(
        name="an alias may lead to any field",
        file=f"{FOLDER}/avro_rules.py",
        right="if len(names) > 1 or any(name in taken for name in names):",
        wrong="if False:",
        format="avro",
        is_decoded=False,
    ),
    RuleFault(
        name="bytes are text",
        file=f"{FOLDER}/avro_rules.py",
        right='    "string": frozenset({"bytes"}),\n}',
        wrong='    "string": frozenset({"bytes"}),\n    "bytes": frozenset({"string"}),\n}',
        format="avro",
    ),
    RuleFault(
        name="what is required need not be there",
        file=f"{FOLDER}/json_scalars.py",
        right='    "required": _required,\n',
        wrong="",
        format="json",
    ),
    RuleFault(
        name="a property may be new in an open content model",
        file=f"{FOLDER}/json_rules.py",
        right="if below.is_open and not self._fits(below, trail):",
        wrong="if False:",
        format="json",
    ),
    RuleFault(
        name="what no rule understands is fine",
        file=f"{FOLDER}/json_rules.py",
        right='for keyword in (*BY_WORDS, "if", *NEVER):',
        wrong="for keyword in ():",
        format="json",
    ),
    RuleFault(
        name="a bound may be narrowed",
        file=f"{FOLDER}/json_scalars.py",
        right="return not types_of(parts) & MOST[keyword] or any(most <= demand for most in said(parts, keyword))",
        wrong="return True",
        format="json",
    ),
    RuleFault(
        name="a pattern may change",
        file=f"{FOLDER}/json_scalars.py",
        right="    **dict.fromkeys(VERBATIM, _verbatim),\n",
        wrong="",
        format="json",
        is_decoded=False,
    ),
)


def prove(report: Report) -> None:
    """Judge the cases, hunt among the pairs, then take rules out of a copy and see that it is noticed."""
    _cases(report)
    for format_, pairs in PAIRS.items():
        _hunt(report, format_, pairs)
    with tempfile.TemporaryDirectory(prefix="schemas2-") as folder:
        copy = _copy(report, Path(folder) / "copy")
        alone = _failing_cases(copy)
        report.figure("cases in which a library alone objects", alone)
        for fault in FAULTS:
            _plant(report, fault, copy, alone)


def _cases(report: Report) -> None:
    report.step("every case at all seven levels, as its source says")
    single = {
        "avro": [*cases_avro.AVRO, *cases_avro_logical.AVRO],
        "json": [*cases_json.JSON, *cases_json_logic.JSON],
    }
    chains = [*cases_avro_logical.CHAINS, *cases_json_logic.CHAINS]
    every = [*single["avro"], *single["json"], *chains]
    differing = [f"{case.name} ({case.source}): {wrong}" for case in every for wrong in case.differs()]
    for format_, found in single.items():
        report.figure(f"cases_{format_}", len(found))
    report.figure("cases_of_three_versions", len(chains))
    report.figure("verdicts_on_cases", len(every) * len(Compatibility))
    report.figure("sources", sorted({case.source for case in every}))
    report.claim(f"{len(every)} cases, at least {LEAST_CASES}, each named once", _are_enough(every))
    report.claim(f"each verdict is its source's; otherwise: {differing[:3]}", not differing)


def _are_enough(every: list) -> bool:
    return len(every) >= LEAST_CASES and len({case.name for case in every}) == len(every)


def _hunt(report: Report, format_: str, pairs: int) -> None:
    report.step(f"{pairs} pairs of {format_} schemas from seed {report.seed}, each decoded for real")
    seeds = [report.seed * 1_000_000 + number for number in range(pairs // CHUNK)]
    total = Tally()
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for found in pool.map(hunt, repeat(format_), seeds, repeat(CHUNK)):
            total.add(found)
    for name in ("pairs", "compatible", "incompatible", "strict", "only_libraries", "not_schemas", "wrong"):
        report.figure(f"{format_}_{name}", getattr(total, name))
    report.figure(f"{format_}_strict_by_kind", dict(total.strict_by_kind))
    report.claim(f"{format_}: {pairs} pairs were judged", total.pairs == pairs)
    report.claim(f"{format_}: never compatible where a reader breaks: {total.examples[:1]}", total.wrong == 0)
    both = min(total.compatible, total.incompatible)
    report.claim(f"{format_}: both verdicts were common, {both} of the rarer one", both > pairs / 10)


def _copy(report: Report, folder: Path) -> Path:
    """The code without the libraries' opinion: whatever is found there is found by our own rules."""
    report.step("a copy of the code in which only our own rules speak")
    copied_code(folder)
    plant(report, NO_LIBRARIES, folder)
    for format_ in PLANTED_PAIRS:
        wrong = _planted_hunt(folder, format_, report.seed)
        report.claim(f"{format_}: our rules alone are never wrong on the pairs that faults are tried on", wrong == 0)
    return folder


def _plant(report: Report, fault: RuleFault, copy: Path, alone: int) -> None:
    """Take a rule out; `alone` is how many cases differ in the copy before."""
    with planted(report, fault, copy):
        failing = _failing_cases(copy) - alone
        report.figure(f"cases that turn red when {fault.name}", failing)
        report.claim(f"the cases turn red when {fault.name}", failing > 0)
        if fault.is_decoded:
            wrong = _planted_hunt(copy, fault.format, report.seed)
            report.figure(f"wrongly compatible when {fault.name}", wrong)
            report.claim(f"the hunt turns red when {fault.name}", wrong > 0)


def _planted_hunt(copy: Path, format_: str, seed: int) -> int:
    module = "analytics_platform_tests.registry.compatibility.hunt"
    arguments = [format_, str(seed), str(PLANTED_PAIRS[format_])]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=copy, env=_environment(copy), capture_output=True, check=True
    )
    return json.loads(done.stdout)["wrong"]


def _failing_cases(copy: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAILING], cwd=copy, env=_environment(copy), capture_output=True, check=True
    )
    return int(done.stdout)


def _environment(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy)}
