"""A contract of 20 checks costs at most a tenth of the CPU of a batch of 100,000 rows, warm.

A real broker, a real Postgres, real tables, the auction house's own bids, and no model, which would only make the
contract's share smaller. Batches of 100,000 rows are planned with the contract and without it in turn; a cycle is
everything from reading Kafka to the publication. The contract's share is what its verification takes of the process's
CPU time over the very rows of each batch; the difference between cycles with it and without is told beside it.
"""

import os
import statistics
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from analytics_platform.catalog import catalog_of
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline import plan_all
from analytics_platform.pipeline.cycle import run_cycle
from analytics_platform.pipeline.parts import Limits, Parts
from analytics_platform.product import Pipeline, Stream
from analytics_platform.products import catalog
from analytics_platform.quality.batch import verify_batches
from analytics_platform.quality.contract import Scope, read_contract
from analytics_platform.registry.folder import read_schemas
from analytics_platform_tests.proofs.real_parts import real_parts
from analytics_platform_tests.proofs.report import ROOT, Report

ROWS, BATCHES, WARM_UP = 100_000, 20, 4
CHECKS, MOST_SHARE = 20, 0.10
EVENTS = ROWS * (BATCHES + 1) * 50 // 46  # of 50 events 46 are bids
CONTRACT = """
dataset: platform/main/bids
columns:
  - name: auction
    checks:
      - missing:
      - invalid: {valid_min: 1000}
  - name: bidder
    checks:
      - missing:
      - invalid: {valid_min: 1000}
  - name: price
    checks:
      - missing:
      - invalid: {valid_min: 1, valid_max: 100000000}
      - aggregate: {function: avg, qualifier: mean, threshold: {must_be_greater_than: 100}}
      - aggregate: {function: max, qualifier: most, threshold: {must_be_less_than: 1000000000}}
      - aggregate: {function: min, qualifier: least, threshold: {must_be_greater_than: 0}}
      - metric:
          qualifier: unit
          expression: avg(ln(greatest(price, 1)))
          threshold: {must_be_between: {greater_than: 10.3, less_than: 12.7}}
  - name: channel
    checks:
      - missing: {missing_values: ['', 'N/A']}
      - invalid: {valid_format: {name: channel, regex: '^[A-Za-z0-9-]+$'}}
      - invalid: {qualifier: length, valid_min_length: 1, valid_max_length: 40}
  - name: url
    checks:
      - missing:
      - invalid: {valid_format: {name: https, regex: '^https://'}}
  - name: dateTime
    checks:
      - missing:
  - name: event_id
    checks:
      - missing:
checks:
  - row_count: {threshold: {must_be_greater_than: 0}}
  - failed_rows: {qualifier: own, expression: auction = bidder and price = 0, threshold: {must_be: 0}}
  - metric:
      qualifier: refused
      query: select 100.0 * count(*) filter (reason is not null) / count(*) from bids_read
      threshold: {must_be_less_than: 20}
"""


@dataclass(slots=True)
class Spent:
    """CPU milliseconds by batch: of cycles with the contract, without, of it alone; naively, at once and one by one."""

    with_it: list[float] = field(default_factory=list)
    without: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)


def prove(report: Report) -> None:
    """Run the batches; weigh the contract against the rest of its cycle."""
    with tempfile.TemporaryDirectory(prefix="quality-5-") as place, _bids(report, Path(place)) as parts:
        spent = _run(report, parts)
    report.figure("load of the machine", round(os.getloadavg()[0], 1))
    cycle, contract = statistics.median(spent.without), statistics.median(spent.alone)
    with_it = statistics.median(spent.with_it)
    report.figure("CPU ms of a cycle without the contract, median", round(cycle, 1))
    report.figure("CPU ms of a cycle with it, median", round(with_it, 1))
    report.figure("CPU ms of the contract alone, median", round(contract, 1))
    report.figure("share by the contract alone", round(contract / cycle, 4))
    report.figure("share by the difference of the cycles", round((with_it - cycle) / cycle, 4))
    report.claim(f"every batch had {ROWS:,} rows", spent.rows == {ROWS})
    report.claim(f"the contract has {CHECKS} checks, and each was answered each time", spent.answered == {CHECKS})
    report.claim(f"the contract costs at most {MOST_SHARE:.0%} of the batch's CPU", contract <= MOST_SHARE * cycle)
    at_once, one_by_one = spent.naive
    report.figure("CPU ms of Soda's public call on the same rows", round(at_once, 1))
    report.figure("CPU ms of twenty such calls, one a check", round(one_by_one, 1))
    report.claim("noticed: one run of Soda for each check costs more than that", one_by_one > MOST_SHARE * cycle)


def _run(report: Report, parts: Parts) -> Spent:
    spent = Spent()
    plain = parts.pipeline
    checked = replace(plain, streams=(replace(plain.streams[0], contract=CONTRACT),))
    report.figure("batch checks in the contract", len(read_contract(CONTRACT, "bids").of(Scope.BATCH)))
    with leases.taken(parts.ledger, plain.name, "proof", datetime.now(UTC)) as lease:
        _cycle(plain, lease, parts)  # the first one is small: how large rows are is not known yet
        for number in range(BATCHES):
            has_contract = number % 2 == 0
            milliseconds, rows, answered = _cycle(checked if has_contract else plain, lease, parts)
            if number < WARM_UP:
                continue
            (spent.with_it if has_contract else spent.without).append(milliseconds)
            spent.rows.add(rows)
            if has_contract:
                spent.answered.add(answered)
                _alone(checked.streams[0], number + 2, parts, spent)
            report.step(f"batch {number + 2}: {milliseconds:.0f} ms of CPU, contract: {has_contract}")
    return spent


def _cycle(pipeline: Pipeline, lease: Lease, parts: Parts) -> tuple[float, int, int]:
    """CPU of one cycle; the rows of its batch, and how many checks of the contract its manifest has answers of."""
    now = replace(parts, pipeline=pipeline)
    before = time.process_time()
    plan_all(now)
    (manifest,) = run_cycle(planning.next_batches(now.ledger, pipeline.stream_names), lease, now).manifests
    spent = (time.process_time() - before) * 1000
    return spent, manifest.rows, sum(v.check.startswith(("columns_", "checks_")) for v in manifest.verdicts)


def _alone(stream: Stream, number: int, parts: Parts, spent: Spent) -> None:
    """The same contract over the rows that the batch has just published, ours and by Soda's public call."""
    table = parts.tables.by_name["bids/silver"]
    uris = table.uris([file for file in table.files() if file.low["batch"] <= number <= file.high["batch"]])
    with duckdb.connect() as connection:
        rows = connection.read_parquet(uris).filter(f"batch = {number}").to_arrow_table()
    rows = rows.append_column("reason", pa.nulls(rows.num_rows, pa.string()))
    before = time.process_time()
    verify_batches(stream, {number: rows})
    spent.alone.append((time.process_time() - before) * 1000)
    if not spent.naive:
        spent.naive += [_naively(rows, [CONTRACT]), _naively(rows, _one_by_one())]


def _one_by_one() -> list[str]:
    """The contract as twenty contracts of one check each."""
    document = yaml.safe_load(CONTRACT)
    head = {"dataset": document["dataset"]}
    singles = [
        {**head, "columns": [{"name": column["name"], "checks": [check]}]}
        for column in document["columns"]
        for check in column["checks"]
    ]
    singles += [{**head, "columns": [], "checks": [check]} for check in document["checks"]]
    return [yaml.safe_dump(single) for single in singles]


def _naively(rows: pa.Table, contracts: list[str]) -> float:
    """CPU milliseconds of Soda's public call on each of those contracts; its import is paid already."""
    before = time.process_time()
    for contract in contracts:
        _publicly(rows, contract)
    return (time.process_time() - before) * 1000


def _publicly(rows: pa.Table, contract: str) -> None:
    from soda_core.common.yaml import ContractYamlSource
    from soda_core.contracts.contract_verification import ContractVerificationSession
    from soda_duckdb import DuckDBDataSource

    sources: Any = [ContractYamlSource.from_str(contract)]
    with duckdb.connect() as connection:
        connection.register("bids", rows.filter(pc.is_null(rows["reason"])))
        connection.register("bids_read", rows)
        ContractVerificationSession.execute(
            sources,
            data_source_impls=[DuckDBDataSource.from_existing_cursor(connection, "platform")],
        )


def _bids(report: Report, folder: Path) -> AbstractContextManager[Parts]:
    """Bids alone, in batches of that many rows, and no model."""
    bids = replace(catalog().streams["bids"], batch_rows=ROWS, contract="")
    pipeline = catalog_of([bids]).pipelines[bids.pipeline]
    schemas = {"bids": read_schemas(ROOT / "schemas", "bids")}
    limits = Limits(quiet_seconds=0, cycle_seconds=0)
    return real_parts(report, folder, pipeline, schemas, [f"--events={EVENTS}"], limits)
