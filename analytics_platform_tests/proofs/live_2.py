"""A million events with planted faults, twice: reconciled to the last offset, equal to the oracle, one content hash."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from analytics_platform_tests.proofs.oracle import STREAMS, Expected, expect
from analytics_platform_tests.proofs.reconciliation import (
    StreamFound,
    model_differences,
    read_rows,
    stream_differences,
)
from analytics_platform_tests.proofs.report import ROOT, Report

EVENTS = 1_000_000
SHARES = {"late": 0.05, "duplicates": 0.02, "conflicts": 0.01, "malformed": 0.005}
PRODUCING_AT_MOST = 0.20
DEMO_SECONDS = 1500
MODELS = {
    "highest_bid": ("minute", "price", "auction", "bidder", "channel", "bid_at", "event_id"),
    "channel_revenue": ("minute", "channel", "bids", "revenue"),
}
KEYS = {
    "produced", "streams", "models", "reconciled", "checks", "runs", "batches",
    "content_hash", "wall_seconds", "cpu_seconds", "event_to_gold_seconds",
}  # fmt: skip


def prove(report: Report) -> None:
    """Run the demo twice with one seed; judge the first by the truth, the second by the first."""
    with tempfile.TemporaryDirectory(prefix="live2-") as place:
        first = _demo(report, Path(place), "--keep")
        (folder,) = Path(place).glob("ap-demo-*")
        _judge(report, first, folder)
        second = _demo(report, Path(place))
    hashes = {first["content_hash"], second["content_hash"]}
    report.figure("content_hash", first["content_hash"])
    report.claim("two runs with one seed have one content hash", len(hashes) == 1)


def _demo(report: Report, place: Path, *options: str) -> dict[str, Any]:
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


def _judge(report: Report, demo: dict[str, Any], folder: Path) -> None:
    report.step("replay the truth in plain Python")
    expected = expect(folder / "truth")
    report.figure("truth_rows", {stream: wanted.rows for stream, wanted in expected.items()})
    for stream, wanted in expected.items():
        _judge_stream(report, demo["streams"][stream], wanted, _found(folder, stream, demo), stream)
    tables = {name: read_rows(folder / "tables" / name, columns) for name, columns in MODELS.items()}
    problems = model_differences(expected["bids"], tables)
    report.figure("model_rows", {name: table.num_rows for name, table in tables.items()})
    report.claim(f"every model equals the oracle, row by row {problems or ''}", not problems)
    report.claim("the demo reconciles, to the last offset and without gaps", _is_reconciled(demo))
    _plant_faults(report, expected["bids"], tables, _found(folder, "bids", demo))
    _judge_producer(report, demo)


def _judge_stream(report: Report, said: dict[str, int], wanted: Expected, found: StreamFound, stream: str) -> None:
    problems = stream_differences(found, wanted)
    report.claim(f"{stream}: tables equal the oracle, row by row {problems or ''}", not problems)
    labelled = {outcome: count for outcome, count in wanted.labelled.items() if count}
    outcomes = {name: said[name] for name in said if name not in ("rows", "offset_gaps") and said[name]}
    report.figure(f"outcomes_{stream}", outcomes)
    report.claim(f"{stream}: outcomes equal the faults planted ({labelled})", outcomes == labelled)
    report.claim(f"{stream}: the demo counts every row of the truth", said["rows"] == wanted.rows)


def _found(folder: Path, stream: str, demo: dict[str, Any]) -> StreamFound:
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


def _is_reconciled(demo: dict[str, Any]) -> bool:
    rows = sum(demo["streams"][stream]["rows"] for stream in STREAMS)
    gaps = sum(demo["streams"][stream]["offset_gaps"] for stream in STREAMS)
    return bool(demo["reconciled"]) and rows == demo["produced"] and gaps == 0


def _judge_producer(report: Report, demo: dict[str, Any]) -> None:
    share = demo["producer_cpu_seconds"] / demo["cpu_seconds"]
    report.figure("producing_share_of_cpu", round(share, 3))
    report.claim(f"producing takes under {PRODUCING_AT_MOST:.0%} of the CPU", share < PRODUCING_AT_MOST)


def _plant_faults(report: Report, bids: Expected, tables: dict[str, pa.Table], found: StreamFound) -> None:
    """A comparison that cannot fail proves nothing: damage copies of the tables, and see that it is noticed."""
    report.step("damage copies of the tables: each must be noticed")
    revenue = tables["channel_revenue"]
    off_by_one = revenue.set_column(
        revenue.schema.get_field_index("revenue"),
        "revenue",
        pa.array([v + (i == 0) for i, v in enumerate(revenue["revenue"].to_pylist())]),
    )
    planted = {
        "a cent too much in one row of channel_revenue": model_differences(
            bids, {**tables, "channel_revenue": off_by_one}
        ),
        "a missing row of highest_bid": model_differences(
            bids, {**tables, "highest_bid": tables["highest_bid"].slice(1)}
        ),
        "a lost row of silver": stream_differences(replace(found, silver=found.silver.slice(1)), bids),
        "a doubled row of bronze": stream_differences(replace(found, bronze=_doubled(found.bronze)), bids),
        "an exception with another outcome": stream_differences(
            replace(found, exceptions=_relabelled(found.exceptions)), bids
        ),
    }
    for fault, noticed in planted.items():
        report.claim(f"noticed: {fault}", bool(noticed))


def _doubled(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows.slice(0, 1)])


def _relabelled(rows: pa.Table) -> pa.Table:
    outcomes = rows["outcome"].to_pylist()
    outcomes[0] = "conflict" if outcomes[0] != "conflict" else "duplicate"
    return rows.set_column(rows.schema.get_field_index("outcome"), "outcome", pa.array(outcomes))
