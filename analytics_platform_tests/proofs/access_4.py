"""A million hostile inputs to what is hand-written and faces the outside: no crash, hang, swelling or 500.

A slice that is done is kept by commit and seed, so that a run that was cut off goes on where it stopped.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analytics_platform_tests.fuzz.child import Slice
from analytics_platform_tests.fuzz.watch import MOST_BYTES, Fault, Outcome, run, run_all
from analytics_platform_tests.proofs.report import FOLDER, Report, circumstances

# by target: slices, calls of each, and inputs of a call
SHARES = {
    "record batches": (10, 25_000, 1),
    "avro": (10, 140, 250),
    "json": (10, 100, 250),
    "yaml": (5, 20_000, 1),
    "requests": (10, 5_000, 1),
}
INPUTS = 1_000_000
PLANTED_AT, PLANTED_CALLS = 40, 60
PLANTS = {
    "exception": "IndexError: planted",
    "crash": "the process ended with -11",
    "hang": "hangs:",
    "memory": "MB of memory",
}


def prove(report: Report) -> None:
    """The planted faults first, then the million."""
    report.figure("seed", report.seed)
    _plant(report)
    total, by_target = Outcome(), dict[str, Outcome]()
    for given, found in _each(report):
        by_target.setdefault(given.target, Outcome()).add(found)
        total.add(found)
    report.figure("inputs", {name: found.inputs for name, found in by_target.items()})
    report.figure("came_of_calls", {name: dict(found.came.most_common(12)) for name, found in by_target.items()})
    report.figure("peak_megabytes", {name: found.peak_bytes >> 20 for name, found in by_target.items()})
    report.figure("slowest_cpu_seconds", {name: found.slowest_cpu_seconds for name, found in by_target.items()})
    for fault in total.faults:
        report.step(f"{fault.target}, call {fault.call}: {fault.problem}")
    report.claim(f"{INPUTS:,} inputs were fed in", total.inputs >= INPUTS)
    for name, found in by_target.items():
        problems = [f"call {fault.call}: {fault.problem[:200]}" for fault in found.faults[:3]]
        report.claim(f"{name}: nothing unforeseen, no crash, no hang, no 500 {problems or ''}", not found.faults)
    report.claim(f"no process took more than {MOST_BYTES >> 20} MB", total.peak_bytes <= MOST_BYTES)
    varied = {name: found.came for name, found in by_target.items()}
    report.claim("every target took some inputs and refused some", all(len(came) > 1 for came in varied.values()))


def _plant(report: Report) -> None:
    """The watch sees each kind of fault, names its call, and goes on behind it."""
    report.step("plant faults")
    for kind, says in PLANTS.items():
        given = Slice(
            target="record batches",
            seed=report.seed,
            first=0,
            end=PLANTED_CALLS,
            place="",
            planted=kind,
            planted_at=PLANTED_AT,
        )
        found = run(given)
        seen = [fault for fault in found.faults if fault.call == PLANTED_AT and says in fault.problem]
        is_alone = len(seen) == len(found.faults) == 1
        report.claim(f"a planted {kind} at call {PLANTED_AT} is found there, and nothing else", is_alone)


def _each(report: Report) -> Iterator[tuple[Slice, Outcome]]:
    """Every slice: those that were done at this commit with this seed, then the rest."""
    kept = _kept_in(report.seed)
    todo = []
    for given in _slices(report.seed):
        path = kept / f"{given.target} {given.first}.json"
        if path.exists():
            yield given, _loaded(path)
        else:
            todo.append(given)
    report.figure("slices_done_before", len(_slices(report.seed)) - len(todo))
    for given, found in run_all(todo):
        report.step(
            f"{given.target} {given.first:,} to {given.end:,}: {found.inputs:,} inputs, {len(found.faults)} faults"
        )
        (kept / f"{given.target} {given.first}.json").write_text(_dumped(found))
        yield given, found


def _slices(seed: int) -> Sequence[Slice]:
    return [
        Slice(target=target, seed=seed, first=number * calls, end=(number + 1) * calls, place="")
        for target, (slices, calls, _) in SHARES.items()
        for number in range(slices)
    ]


def _kept_in(seed: int) -> Path:
    """Where this commit's slices are; a tree with changes of its own keeps none from before."""
    here = circumstances()
    folder = FOLDER / "access-4" / f"{here['commit'] or 'unknown'}-{seed}"
    if here["uncommitted_files"]:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _dumped(found: Outcome) -> str:
    facts = {name: getattr(found, name) for name in ("inputs", "came", "peak_bytes", "slowest_cpu_seconds")}
    return json.dumps({**facts, "faults": [asdict(fault) for fault in found.faults]})


def _loaded(path: Path) -> Outcome:
    said: dict[str, Any] = json.loads(path.read_text())
    said["came"], said["faults"] = Counter(said["came"]), [Fault(**fault) for fault in said["faults"]]
    return Outcome(**said)
