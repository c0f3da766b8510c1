"""A million events with planted faults: every model equals the oracle; a log cut in any way has one content."""

import hashlib
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa

from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import Postgres, fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.cuts import Cut, even_cut, offsets_of, random_cut, work_off
from analytics_platform_tests.proofs.demo_run import (
    SHARES,
    doubled,
    found_in,
    is_reconciled,
    judge_stream,
    relabelled,
    run_demo,
)
from analytics_platform_tests.proofs.model_oracle import expected_models, too_late
from analytics_platform_tests.proofs.oracle import Expected, expect
from analytics_platform_tests.proofs.reconciliation import counted, differences_from, read_rows, stream_differences
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.scenarios import produce, table_content

FIRST_EVENTS = 2_000
RANDOM_CUTS = 20
MODELS = {
    "highest_bid": ("minute", "price", "auction", "bidder", "channel", "bid_at", "event_id"),
    "channel_revenue": ("minute", "channel", "bids", "revenue"),
    "bid_counts": ("pane", "auction", "bids"),
    "hot_items": ("window_start", "auction", "bids"),
    "winning_bids": ("auction", "category", "seller", "closed_at", "price", "bidder", "bid_at", "event_id"),
    "closing_prices": ("hour", "category", "auctions", "revenue"),
    "category_prices": ("category", "auctions", "average_price"),
    "new_sellers": ("window_start", "person", "name", "auctions"),
}
Wanted = Mapping[str, Counter[tuple[Any, ...]]]
Tables = Mapping[str, pa.Table]


def prove(report: Report) -> None:
    """The demo beside the oracle; then a short log in many cuts."""
    with tempfile.TemporaryDirectory(prefix="path1-") as place:
        said = run_demo(report, Path(place), "--keep")
        (folder,) = Path(place).glob("ap-demo-*")
        _judge(report, said, folder)
    with tempfile.TemporaryDirectory(prefix="path1-") as place:
        _cut_in_many_ways(report, Path(place))


def _judge(report: Report, said: dict[str, Any], folder: Path) -> None:
    report.step("replay the truth in plain Python")
    expected = expect(folder / "truth")
    report.figure("truth_rows", {stream: wanted.rows for stream, wanted in expected.items()})
    for stream, wanted in expected.items():
        judge_stream(report, said["streams"][stream], wanted, found_in(folder, stream, said), stream)
    report.claim("the demo reconciles, to the last offset and without gaps", is_reconciled(said))
    models = {name: counted(rows) for name, rows in expected_models(expected).items()}
    tables = {name: read_rows(folder / "tables" / name, columns) for name, columns in MODELS.items()}
    report.figure("model_rows", {name: table.num_rows for name, table in tables.items()})
    for name in MODELS:
        problems = differences_from({name: models[name]}, tables)
        report.claim(f"{name} equals the oracle, row by row {problems or ''}", not problems and bool(models[name]))
    _judge_lateness(report, said, expected["bids"])
    _damage(report, models, tables)
    _damage_bids(report, said, folder, expected["bids"])


def _judge_lateness(report: Report, said: dict[str, Any], bids: Expected) -> None:
    wanted = too_late(bids)
    report.figure("too_late_for_bid_counts", wanted)
    counts = {name: model["too_late"] for name, model in said["models"].items() if model["too_late"]}
    report.claim(
        f"too late: {wanted} bids for bid_counts and none else, as the oracle says", counts == {"bid_counts": wanted}
    )
    report.claim("some of the late bids were too late", 0 < wanted < bids.rows)


def _damage(report: Report, wanted: Wanted, tables: Tables) -> None:
    """A comparison that cannot fail proves nothing."""
    report.step("damage copies of the models: each must be noticed")
    for name, table in tables.items():
        value = table.column_names[-1]
        lost, more = table.slice(1), doubled(table)
        changed = table.set_column(table.num_columns - 1, value, _first_changed(table[value]))
        for fault, damaged in {"a row lost": lost, "a row twice": more, f"{value} changed in one row": changed}.items():
            report.claim(f"noticed: {fault} in {name}", bool(differences_from({name: wanted[name]}, {name: damaged})))


def _first_changed(column: pa.ChunkedArray) -> pa.Array:
    values = column.to_pylist()
    values[0] = values[0] + ("?" if isinstance(values[0], str) else 1)
    return pa.array(values, column.type)


def _damage_bids(report: Report, said: dict[str, Any], folder: Path, bids: Expected) -> None:
    found = found_in(folder, "bids", said)
    planted = {
        "a lost row of silver": replace(found, silver=found.silver.slice(1)),
        "a doubled row of bronze": replace(found, bronze=doubled(found.bronze)),
        "an exception with another outcome": replace(found, exceptions=relabelled(found.exceptions)),
    }
    for fault, damaged in planted.items():
        report.claim(f"noticed: {fault}", bool(stream_differences(damaged, bids)))


def _cut_in_many_ways(report: Report, place: Path) -> None:
    with (
        running_kafka(place / "kafka", read_settings().jar_dir) as kafka,
        running_postgres(place / "postgres") as postgres,
    ):
        produce(kafka.bootstrap, place / "truth", events=FIRST_EVENTS, seed=report.seed, shares=SHARES)
        offsets = offsets_of(kafka.bootstrap)
        cuts = {"one batch": even_cut(offsets, 10 * FIRST_EVENTS), "batches of one row": even_cut(offsets, 1)}
        for number in range(RANDOM_CUTS):
            seed = report.seed * 1000 + number
            cuts[f"cut at random, seed {seed}"] = random_cut(offsets, random.Random(seed))
        found = _worked_off(report, cuts, place, kafka.bootstrap, postgres)
    report.figure("content_hashes", sorted(set(found.values())))
    strange = [cut for cut, content_hash in found.items() if content_hash != found["one batch"]]
    report.claim(f"{len(cuts)} cuts of {FIRST_EVENTS:,} events have one content hash {strange or ''}", not strange)


def _worked_off(
    report: Report, cuts: Mapping[str, Cut], place: Path, bootstrap: str, postgres: Postgres
) -> dict[str, str]:
    """By cut, the content hash over every table; two cuts at a time, for most of it is waiting for a disk."""
    found: dict[str, str] = {}
    with ExitStack() as stack:
        dsns = {name: stack.enter_context(fresh_database(postgres)) for name in cuts}
        pool = stack.enter_context(ProcessPoolExecutor(2, mp_context=get_context("spawn")))
        order = sorted(cuts, key=lambda name: -sum(map(len, cuts[name].values())))  # the longest first
        jobs = {
            pool.submit(_content_of, cuts[name], place / f"cut-{place_in_line}", bootstrap, dsns[name]): name
            for place_in_line, name in enumerate(order)
        }
        for job in as_completed(jobs):
            name = jobs[job]
            said, found[name] = job.result()
            report.step(f"{name}: {said}, content {found[name][:16]}…")
            report.claim(f"{name}: nothing is left to do", not said["is_left"])
    return found


def _content_of(cut: Cut, folder: Path, bootstrap: str, dsn: str) -> tuple[dict[str, Any], str]:
    began = time.monotonic()
    worked = work_off(cut, folder, bootstrap, dsn)
    content = table_content(folder)
    rows = {table: count for table, (count, _) in content.items()}
    said = {
        "batches": worked.batches,
        "cycles": worked.cycles,
        "is_left": worked.is_left,
        "tables": len(content),
        "rows": sum(rows.values()),
        "seconds": round(time.monotonic() - began, 1),
    }
    return said, hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
