"""A million events with planted faults, twice: reconciled to the last offset, equal to the oracle, one content hash."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from analytics_platform_tests.proofs.demo_run import (
    doubled,
    found_in,
    is_reconciled,
    judge_stream,
    relabelled,
    run_demo,
)
from analytics_platform_tests.proofs.oracle import Expected, expect
from analytics_platform_tests.proofs.reconciliation import (
    StreamFound,
    model_differences,
    read_rows,
    stream_differences,
)
from analytics_platform_tests.proofs.report import Report

PRODUCING_AT_MOST = 0.20
MODELS = {
    "highest_bid": ("minute", "price", "auction", "bidder", "channel", "bid_at", "event_id"),
    "channel_revenue": ("minute", "channel", "bids", "revenue"),
}


def prove(report: Report) -> None:
    """Run the demo twice with one seed; judge the first by the truth, the second by the first."""
    with tempfile.TemporaryDirectory(prefix="live2-") as place:
        first = run_demo(report, Path(place), "--keep")
        (folder,) = Path(place).glob("ap-demo-*")
        _judge(report, first, folder)
        second = run_demo(report, Path(place))
    hashes = {first["content_hash"], second["content_hash"]}
    report.figure("content_hash", first["content_hash"])
    report.claim("two runs with one seed have one content hash", len(hashes) == 1)


def _judge(report: Report, demo: dict[str, Any], folder: Path) -> None:
    report.step("replay the truth in plain Python")
    expected = expect(folder / "truth")
    report.figure("truth_rows", {stream: wanted.rows for stream, wanted in expected.items()})
    for stream, wanted in expected.items():
        judge_stream(report, demo["streams"][stream], wanted, found_in(folder, stream, demo), stream)
    tables = {name: read_rows(folder / "tables" / name, columns) for name, columns in MODELS.items()}
    problems = model_differences(expected["bids"], tables)
    report.figure("model_rows", {name: table.num_rows for name, table in tables.items()})
    report.claim(f"every model equals the oracle, row by row {problems or ''}", not problems)
    report.claim("the demo reconciles, to the last offset and without gaps", is_reconciled(demo))
    _plant_faults(report, expected["bids"], tables, found_in(folder, "bids", demo))
    _judge_producer(report, demo)


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
        "a doubled row of bronze": stream_differences(replace(found, bronze=doubled(found.bronze)), bids),
        "an exception with another outcome": stream_differences(
            replace(found, exceptions=relabelled(found.exceptions)), bids
        ),
    }
    for fault, noticed in planted.items():
        report.claim(f"noticed: {fault}", bool(noticed))
