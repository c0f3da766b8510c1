"""What the shipped contracts would not notice, and metrics that Prometheus' own tool takes.

The auction house produces onto a real broker, a lease publishes every stream and model under the shipped contracts,
and the published rows, which are good, are made bad column by column (null, duplicate, shift, unit). Each mutant is
judged by the shipped contracts. What no check notices is listed whole, and must be what is listed here with a reason.
Then the metrics of that ledger go through `promtool check metrics`, of Debian's package prometheus, installed here if
it is missing.
"""

import shutil
import subprocess
import tempfile
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.shapes import ROW_COLUMNS
from analytics_platform.ledger.postgres import dirty, timers
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Limits, Parts
from analytics_platform.product import Model, Stream
from analytics_platform.products import catalog
from analytics_platform.quality.files import with_contracts
from analytics_platform.quality.metrics import render
from analytics_platform.quality.unnoticed import Report as Mutation
from analytics_platform.quality.unnoticed import mutation_report
from analytics_platform.registry.folder import read_schemas
from analytics_platform.service.metrics import measured
from analytics_platform_tests.proofs.real_parts import real_parts
from analytics_platform_tests.proofs.report import ROOT, Report

EVENTS, SAMPLE, LEASES = 60_000, 5_000, 8
SCHEMAS = ROOT / "schemas"
FREE = "filler, without a meaning"
REPEATS = "equal values are natural: many rows share one"
WORDS = "free text: any words are right ones"
FORM = "reversed it has the same form, and there is nothing to compare it with"
MONTH = "a month later is refused row by row as the future, if it is; a month earlier is a late event"
MONTH_OF_WINDOW = "a table of windows alone does not know what month it is; the times of its inputs are checked"
COUNTED = "a count that is smaller or repeated is plausible by itself; the demo compares it with an oracle"
# What no check notices, and why that is accepted.
ACCEPTED = {
    **dict.fromkeys(("bids.auction: duplicate", "bids.bidder: duplicate", "bids.price: duplicate"), REPEATS),
    **dict.fromkeys(("bids.channel: duplicate", "bids.url: duplicate", "bids.dateTime: duplicate"), REPEATS),
    **dict.fromkeys(("persons.name: duplicate", "persons.emailAddress: duplicate"), REPEATS),
    **dict.fromkeys(("persons.creditCard: duplicate", "persons.city: duplicate", "persons.state: duplicate"), REPEATS),
    **dict.fromkeys(("persons.dateTime: duplicate", "auctions.dateTime: duplicate"), REPEATS),
    **dict.fromkeys(("auctions.itemName: duplicate", "auctions.description: duplicate"), REPEATS),
    **dict.fromkeys(("auctions.seller: duplicate", "auctions.category: duplicate"), REPEATS),
    **dict.fromkeys(("auctions.itemName: shift", "auctions.description: shift"), WORDS),
    "persons.creditCard: shift": FORM,
    **dict.fromkeys(("bids.dateTime: shift", "persons.dateTime: shift"), MONTH),
    **dict.fromkeys(("channel_revenue.minute: shift", "closing_prices.hour: shift"), MONTH_OF_WINDOW),
    **dict.fromkeys(("hot_items.window_start: shift", "new_sellers.window_start: shift"), MONTH_OF_WINDOW),
    **dict.fromkeys(("hot_items.window_start: duplicate", "new_sellers.window_start: duplicate"), REPEATS),
    **dict.fromkeys((f"highest_bid.{c}: duplicate" for c in ("price", "auction", "bidder", "channel")), REPEATS),
    **dict.fromkeys(
        (f"winning_bids.{c}: duplicate" for c in ("category", "seller", "price", "bidder", "bid_at")), REPEATS
    ),
    **dict.fromkeys(("hot_items.auction: duplicate", "new_sellers.name: duplicate"), REPEATS),
    "new_sellers.name: shift": WORDS,
    **dict.fromkeys(("channel_revenue.bids: duplicate", "hot_items.bids: duplicate", "hot_items.bids: unit"), COUNTED),
    "bid_counts.bids: duplicate": COUNTED,
    "bid_counts.pane: shift": MONTH_OF_WINDOW,
    **dict.fromkeys(("new_sellers.auctions: duplicate", "closing_prices.auctions: duplicate"), COUNTED),
    **dict.fromkeys(("closing_prices.auctions: shift", "closing_prices.revenue: duplicate"), COUNTED),
    **dict.fromkeys(("category_prices.auctions: shift", "category_prices.auctions: unit"), COUNTED),
    "category_prices.average_price: shift": COUNTED,
    **{f"{s}.extra: {f}": FREE for s in ("bids", "auctions", "persons") for f in ("null", "duplicate", "shift")},
}


def prove(report: Report) -> None:
    """Publish, mutate, lint the metrics."""
    with tempfile.TemporaryDirectory(prefix="quality-6-") as place, _house(report, Path(place)) as parts:
        _publish(report, parts)
        reports = [_mutate(report, parts, product) for product in (*parts.pipeline.streams, *parts.pipeline.models)]
        _judge(report, reports)
        _metrics(report, parts)


def _publish(report: Report, parts: Parts) -> None:
    report.step("leases until everything is published, under the shipped contracts")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    run_lease(parts, "proof", hour)
    for name in parts.pipeline.stream_names:
        timers.end_stream(parts.ledger, name)
    for number in range(LEASES):
        if dirty.is_any(parts.ledger, parts.pipeline.model_names) or number == 0:
            run_lease(parts, f"proof {number}", hour)
    held = parts.ledger.execute("select stream, number from batch where state <> 'published'").fetchall()
    report.claim("no shipped contract holds a batch of good events", not held)
    counts = {name: table.rows() for name, table in parts.tables.by_name.items() if "/" not in name or "silver" in name}
    report.figure("rows", counts)
    report.claim("every stream and model has rows", all(counts.values()))


def _mutate(report: Report, parts: Parts, product: Stream | Model) -> Mutation:
    table = parts.tables.input(product.name)
    rows = read_files(parts.query, table.uris(table.files()), table.shape.columns).slice(0, SAMPLE)
    ours = {column.name for column in ROW_COLUMNS} if isinstance(product, Stream) else set()
    columns = [name for name in rows.column_names if name not in ours]
    found = mutation_report(product, rows, columns, _now(rows))
    report.figure(
        f"{product.name}: noticed of mutants, over rows", f"{found.noticed} of {found.mutants}, {found.rows:,}"
    )
    return found


def _now(rows: pa.Table) -> datetime:
    """When its newest event happened: freshness is told by it."""
    return max(rows["event_at"].to_pylist()) if "event_at" in rows.column_names else datetime.now(UTC)


def _judge(report: Report, reports: list[Mutation]) -> None:
    for found in reports:
        report.claim(
            f"{found.product}: good rows fail no check {found.failing_already or ''}", not found.failing_already
        )
    missed = [f"{found.product}.{name}" for found in reports for name in found.missed]
    for name in missed:
        report.say(f"           no check notices {name}: {ACCEPTED.get(name, 'NOT EXPLAINED')}")
    unexplained = [name for name in missed if name not in ACCEPTED]
    report.figure("noticed by no check", len(missed))
    report.claim(f"what no check notices is explained, one by one {unexplained or ''}", not unexplained)
    stale = sorted(ACCEPTED.keys() - set(missed))
    report.claim(f"and nothing is explained that is noticed {stale or ''}", not stale)
    by = next(found for found in reports if found.product == "bids").noticed_by
    report.claim("cents for euros are noticed", "columns.price.checks.metric.unit" in by.get("price: unit", []))


def _metrics(report: Report, parts: Parts) -> None:
    promtool = _promtool(report)
    found = measured(parts.ledger, catalog(), datetime.now(UTC))
    text = render(found, is_openmetrics=False)
    for name, shown in (("its own text", text), ("OpenMetrics", render(found, is_openmetrics=True))):
        said = _check(promtool, shown)
        report.claim(f"promtool check metrics takes {name} {said}".strip(), not said)
    report.figure("series", sum(not line.startswith("#") for line in text.splitlines()))
    report.claim("every stream has its rows there", all(f'stream="{n}"' in text for n in parts.pipeline.stream_names))
    report.claim("noticed: a metric without help", bool(_check(promtool, "ap_unexplained 1\n")))


def _check(promtool: str, text: str) -> str:
    """What the tool has to say; empty if nothing."""
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() + ("" if done.returncode == 0 else f" exit {done.returncode}")


def _promtool(report: Report) -> str:
    if shutil.which("promtool") is None:
        report.step("promtool is missing: apt-get install prometheus")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "prometheus"]
        subprocess.run(install, check=True, timeout=300)
    found = shutil.which("promtool")
    if found is None:
        raise RuntimeError("promtool is not on the path after installing prometheus")
    return found


def _house(report: Report, folder: Path) -> AbstractContextManager[Parts]:
    """Every stream and model under the shipped contracts."""
    (pipeline,) = with_contracts(catalog(), SCHEMAS).pipelines.values()
    schemas = {name: read_schemas(SCHEMAS, name) for name in pipeline.stream_names}
    # six hours of event time, so that auctions close and windows end
    events = [f"--events={EVENTS}", "--event-rate=3"]
    limits = Limits(lease_seconds=300, quiet_seconds=1, cycle_seconds=0)
    return real_parts(report, folder, pipeline, schemas, events, limits)
