"""Kafka as it is: every noun of a fixed list on the real broker; faults planted in the reader turn cases red."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from analytics_platform.settings import read_settings
from analytics_platform_tests.proofs.broken_code import Fault, copied_code, planted
from analytics_platform_tests.proofs.report import ROOT, Report

SUITE = "analytics_platform_tests/ingest/test_kafka_as_it_is.py"
TEST = "test_kafka_as_it_is"
NOUNS = (
    "control records",
    "aborted transactions",
    "hanging transactions",
    "compacted gaps",
    "tombstones",
    "null keys and values",
    "0-byte and 1 MB records",
    "all codecs",
    "a partition added while running",
    "a topic deleted and recreated",
    "an offset past the log's end after an unclean election",
    "retention that overtook the plan",
    "a moved leader",
    "a dead broker",
    "a slow one",
)
SUITE_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFault(Fault):
    """A line that is broken, and the case that must notice."""

    noticed_by: str


FAULTS = (
    ReaderFault(
        name="aborted transactions come out",
        file="ingest/record_batch.py",
        right="elif batch.attributes & TRANSACTIONAL and batch.producer_id in aborting:",
        wrong="elif False:",
        noticed_by="aborted transactions",
    ),
    ReaderFault(
        name="the decoder loses a row of each table",
        file="ingest/record_batch.py",
        right="        yield table.slice(first, last - first)",
        wrong="        yield table.slice(first, last - first - 1)",
        noticed_by="control records",
    ),
    ReaderFault(
        name="the topic's id is not checked behind the last fetch",
        file="ingest/kafka/fetch.py",
        right="            reading.handed_on(part)\n    reading.confirm()",
        wrong="            reading.handed_on(part)",
        noticed_by="a topic deleted and recreated",
    ),
    ReaderFault(
        name="nobody watches for transactions that hang",
        file="pipeline/__init__.py",
        right="    watch_transactions(parts.ledger, stream.name, undecided(offsets), parts.now())",
        wrong="    watch_transactions(parts.ledger, stream.name, (), parts.now())",
        noticed_by="hanging transactions",
    ),
)


def prove(report: Report) -> None:
    """Run every noun; then break the platform's code in a copy, and see that it is noticed."""
    with tempfile.TemporaryDirectory(prefix="path3-") as folder:
        report.step("every noun of the list, through a lease on a real broker, beside a stock client")
        found = _run(ROOT, Path(folder) / "all.xml", ())
        for noun in NOUNS:
            report.claim(f"{noun}: {found.get(noun, 'missing')}", found.get(noun) == "passed")
        report.claim("no case but those of the list", found.keys() == set(NOUNS))
        copy = _copy(report, Path(folder) / "copy")
        for fault in FAULTS:
            _plant(report, fault, copy)


def _copy(report: Report, folder: Path) -> Path:
    """The code, to be broken; as long as it is not, the cases that are to turn red pass in it."""
    report.step("a copy of the code, not broken yet")
    copied_code(folder)
    nouns = [fault.noticed_by for fault in FAULTS]
    found = _run(folder, folder / "control.xml", nouns)
    report.claim("the same cases pass in the copy before it is broken", found == dict.fromkeys(nouns, "passed"))
    return folder


def _plant(report: Report, fault: ReaderFault, copy: Path) -> None:
    with planted(report, fault, copy):
        found = _run(copy, copy / "planted.xml", (fault.noticed_by,))
    report.claim(f"{fault.noticed_by} turns red when {fault.name}", found == {fault.noticed_by: "failed"})


def _run(folder: Path, results: Path, nouns: Sequence[str]) -> dict[str, str]:
    """By noun what became of it: passed, failed or skipped; all of them if none is named."""
    places = [f"{SUITE}::{TEST}[{noun}]" for noun in nouns] or [SUITE]
    # the code of this folder, the environment and the jars of ours
    environment = {**os.environ, "PYTHONPATH": str(folder), "AP_JAR_DIR": str(read_settings().jar_dir)}
    options = ["-p", "no:cacheprovider", "-m", "slow or not slow", f"--junitxml={results}"]
    argv = [sys.executable, "-m", "pytest", *options, *places]
    subprocess.run(argv, cwd=folder, env=environment, stdout=subprocess.DEVNULL, timeout=SUITE_SECONDS, check=False)
    return {_noun(case): _result(case) for case in ElementTree.parse(results).iter("testcase")}


def _noun(case: ElementTree.Element) -> str:
    return case.get("name", "").removeprefix(f"{TEST}[").removesuffix("]")


def _result(case: ElementTree.Element) -> str:
    found = {child.tag for child in case}
    if found & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in found else "passed"
