"""A demo as proofs run it: `ap demo` in a process of its own, and what its tables hold beside the oracle."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from analytics_platform_tests.proofs.oracle import STREAMS, Expected
from analytics_platform_tests.proofs.reconciliation import StreamFound, read_rows, stream_differences
from analytics_platform_tests.proofs.report import ROOT, Report

EVENTS = 1_000_000
SHARES = {"late": 0.05, "duplicates": 0.02, "conflicts": 0.01, "malformed": 0.005}
DEMO_SECONDS = 1500
KEYS = {
    "produced", "streams", "models", "reconciled", "checks", "runs", "batches",
    "content_hash", "wall_seconds", "cpu_seconds", "event_to_gold_seconds",
}  # fmt: skip


def run_demo(report: Report, place: Path, *options: str) -> dict[str, Any]:
    """A million events with planted faults; what the demo says of itself. Its folder is in `place`."""
    shares = [f"--{name}={share}" for name, share in SHARES.items()]
    command = ["demo", f"--events={EVENTS}", f"--seed={report.seed}", *shares, *options, "--json"]
    report.step("ap " + " ".join(command))
    done = subprocess.run(
        [sys.executable, "-m", "analytics_platform.cli", *command],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"ap demo ended with {done.returncode}: {done.stderr[-3000:]}")
    found = json.loads(done.stdout)
    report.claim("the demo says that all is well", done.returncode == 0)
    report.claim(f"its JSON has the keys {', '.join(sorted(KEYS))}", found.keys() >= KEYS)
    runs = report.figures.setdefault("demos", [])
    runs.append({name: value for name, value in found.items() if name not in ("streams", "models")})
    report.step(f"done: {found['wall_seconds']} s wall, {found['cpu_seconds']} s CPU of Python processes")
    return found


def judge_stream(report: Report, said: dict[str, int], wanted: Expected, found: StreamFound, stream: str) -> None:
    """Claim that a stream's tables and counts are what the truth demands."""
    problems = stream_differences(found, wanted)
    report.claim(f"{stream}: tables equal the oracle, row by row {problems or ''}", not problems)
    labelled = {outcome: count for outcome, count in wanted.labelled.items() if count}
    outcomes = {name: said[name] for name in said if name not in ("rows", "offset_gaps") and said[name]}
    report.figure(f"outcomes_{stream}", outcomes)
    report.claim(f"{stream}: outcomes equal the faults planted ({labelled})", outcomes == labelled)
    report.claim(f"{stream}: the demo counts every row of the truth", said["rows"] == wanted.rows)


def found_in(folder: Path, stream: str, demo: dict[str, Any]) -> StreamFound:
    """What the tables of a stream hold, in a folder that was kept."""
    tables = folder / "tables" / stream
    bronze = read_rows(tables / "bronze", ["partition", "offset"])
    return StreamFound(
        stream=stream,
        spans=_spans(bronze),
        gaps=demo["streams"][stream]["offset_gaps"],
        bronze=bronze,
        silver=read_rows(tables / "silver", ["partition", "offset", "event_id"]),
        exceptions=read_rows(tables / "exceptions", ["partition", "offset", "outcome"]),
    )


def _spans(bronze: pa.Table) -> dict[int, tuple[int, int]]:
    """The broker is gone by now; the demo has compared its offsets, here they are those of bronze."""
    counts = Counter(bronze["partition"].to_pylist())
    return {partition: (0, count) for partition, count in counts.items()}


def is_reconciled(demo: dict[str, Any]) -> bool:
    """Whether every record produced is a row, and every offset accounted for."""
    rows = sum(demo["streams"][stream]["rows"] for stream in STREAMS)
    gaps = sum(demo["streams"][stream]["offset_gaps"] for stream in STREAMS)
    return bool(demo["reconciled"]) and rows == demo["produced"] and gaps == 0


def doubled(rows: pa.Table) -> pa.Table:
    """A copy with one row twice."""
    return pa.concat_tables([rows, rows.slice(0, 1)])


def relabelled(rows: pa.Table) -> pa.Table:
    """A copy whose first row has another outcome."""
    outcomes = rows["outcome"].to_pylist()
    outcomes[0] = "conflict" if outcomes[0] != "conflict" else "duplicate"
    return rows.set_column(rows.schema.get_field_index("outcome"), "outcome", pa.array(outcomes))
