"""Exactly 412 events that break under a proposal, among 1,200,000: its review names the number and the first offset.

The events are written by fastavro. Beside the planted ones there are events that are bad already, and those that look
like planted ones and are bad already: neither is the proposal's fault. Then the same with other numbers, and with none.
"""

import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

from analytics_platform.lake import shapes
from analytics_platform.lake.tables import Table
from analytics_platform_tests.brokers import fresh_database, running_postgres
from analytics_platform_tests.proofs.registry_process import git, new_repository
from analytics_platform_tests.proofs.report import ROOT, Report

EVENTS, PLANTED, PARTITIONS, BATCH = 1_200_000, 412, 4, 100_000
AT_MOST_SECONDS = 30.0
SUBJECT = "bids-value"
BID = json.loads((ROOT / "schemas/bids/value/1.avsc").read_text())
COUPON = {"name": "coupon", "type": ["null", "string"], "default": None, "doc": "What was given.", "pii": "none"}
STRICT = {**COUPON, "type": "string", "default": ""}
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """How many events there are, and how many of them the proposal breaks."""

    events: int
    planted: int
    bad_already: int


def prove(report: Report) -> None:
    """The numbers of the issue, then two others."""
    with (
        tempfile.TemporaryDirectory(prefix="governance-2-") as folder,
        running_postgres(Path(folder) / "postgres") as postgres,
    ):
        for case in (Case(EVENTS, PLANTED, 5_000), Case(60_000, 7, 100), Case(60_000, 0, 100)):
            with fresh_database(postgres) as dsn:
                _try(report, Path(folder) / f"case-{case.planted}", dsn, case)


def _try(report: Report, home: Path, dsn: str, case: Case) -> None:
    report.step(f"{case.events:,} events of which {case.planted} break")
    run = _Commands(home, dsn, _schemas(home / "project"))
    nullable, strict = home / "nullable.avsc", home / "strict.avsc"
    nullable.write_text(json.dumps({**BID, "fields": [*BID["fields"], COUPON]}))
    strict.write_text(json.dumps({**BID, "fields": [*BID["fields"], STRICT]}))
    registered = run("register", SUBJECT, str(nullable))
    planted = _write_bronze(home / "tables", json.loads(nullable.read_text()), registered["id"], case, report.seed)
    proposed = run("propose", SUBJECT, str(strict), "--why", "every bid has a coupon")
    report.claim("a proposal is a draft before its review", holds=proposed["stage"] == "draft")
    refused = run.fails("approve", SUBJECT, "3")
    report.claim("nobody can approve it before", holds="nobody in" in refused or "review" in refused)
    began, cpu = time.monotonic(), _cpu_seconds()
    found = run("review", SUBJECT, "3")
    seconds = round(time.monotonic() - began, 1)
    test = found["evidence"]["backtest"]
    report.figure(
        f"review of {case.events:,} events", {"seconds": seconds, "cpu seconds": round(_cpu_seconds() - cpu, 1), **test}
    )
    report.claim(f"it has read all {case.events:,}", holds=test["events"] == test["kept"] == case.events)
    report.claim(f"it reports {case.planted}, no more and no fewer", holds=test["broken"] == case.planted)
    first = [line.partition(":")[0] for line in test["first"]]
    wanted = [f"bids-{partition}@{offset}" for partition, offset in sorted(planted)[:5]]
    report.claim("it names the first offsets", holds=first == wanted)
    report.claim(f"in less than {AT_MOST_SECONDS:g} s", holds=seconds < AT_MOST_SECONDS)
    report.claim("it says whom it breaks", holds=any("coupon" in each for each in found["evidence"]["breaks"]))


def _schemas(project: Path) -> Path:
    """The project's schemas in a repository of their own."""
    schemas = new_repository(project)
    for name in ("ids.lock", "auctions", "bids", "persons"):
        source = ROOT / "schemas" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, schemas / name)
    (schemas / "bids" / "subject.yaml").write_text("owner: team:auctions\nversions:\n  1: {state: published}\n")
    git(schemas, "add", "-A")
    git(schemas, "-c", "user.name=p", "-c", "user.email=p@x", "commit", "-q", "-m", "schemas")
    return schemas


def _cpu_seconds() -> float:
    """What the commands have cost so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write_bronze(tables: Path, schema: dict[str, Any], id_: int, case: Case, seed: int) -> set[tuple[int, int]]:
    """Bronze with the events; returns where the planted ones are."""
    chance = random.Random(seed)
    table = Table.open(tables, shapes.bronze("bids"))
    parsed, prefix = fastavro.parse_schema(schema), b"\0" + id_.to_bytes(4, "big")
    good = [_body(parsed, prefix, n, coupon=f"c{n}", price=n + 1) for n in range(500)]
    null, worthless = _body(parsed, prefix, 1, coupon=None, price=5), _body(parsed, prefix, 1, coupon=None, price=0)
    special = chance.sample(range(case.events), case.planted + case.bad_already)
    planted, bad = set(special[: case.planted]), special[case.planted :]
    values = {**dict.fromkeys(planted, null), **{n: (worthless, b"\1rubbish")[n % 2] for n in bad}}
    for number, start in enumerate(range(0, case.events, BATCH), 1):
        numbers = range(start, min(start + BATCH, case.events))
        rows = _rows(number, numbers, [values.get(n) or good[n % len(good)] for n in numbers])
        table.replace([], [rows], decided_on=table.version, epoch=1)
    return {(n % PARTITIONS, n // PARTITIONS) for n in planted}


def _body(schema: Any, prefix: bytes, number: int, *, coupon: str | None, price: int) -> bytes:
    out = io.BytesIO()
    text = {"channel": "Google", "url": "https://x", "extra": "x" * 20}
    fastavro.schemaless_writer(
        out, schema, {"auction": number, "bidder": number, "price": price, "dateTime": NOW, "coupon": coupon, **text}
    )
    return prefix + out.getvalue()


def _rows(batch: int, numbers: Sequence[int], values: list[bytes]) -> pa.Table:
    places = np.asarray(numbers)
    headers = [[{"key": "event_id", "value": str(n).encode()}] for n in numbers]
    columns = shapes.BRONZE_COLUMNS
    return pa.table(
        {
            "batch": np.full(len(places), batch),
            "partition": (places % PARTITIONS).astype(np.int32),
            "offset": places // PARTITIONS,
            "broker_at": pa.array([NOW] * len(places), columns.field("broker_at").type),
            "key": pa.nulls(len(places), pa.binary()),
            "value": pa.array(values, pa.binary()),
            "headers": pa.array(headers, columns.field("headers").type),
        },
        schema=columns,
    ).sort_by([("partition", "ascending"), ("offset", "ascending")])


@dataclass(frozen=True, slots=True)
class _Commands:
    """`ap schema` over a home of its own."""

    home: Path
    dsn: str
    schemas: Path

    def __call__(self, *words: str) -> Any:
        done = self._run(*words)
        if done.returncode:
            raise AssertionError(f"ap schema {' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout)

    def fails(self, *words: str) -> str:
        """What it says on stderr; it must fail."""
        done = self._run(*words)
        assert done.returncode, f"ap schema {' '.join(words)} succeeds"
        return done.stderr

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        mine = {
            "AP_LEDGER_DSN": self.dsn,
            "AP_SCHEMA_DIR": str(self.schemas),
            "AP_STATE_DIR": str(self.home / "state"),
            "AP_TABLE_DIR": str(self.home / "tables"),
        }
        argv = [sys.executable, "-m", "analytics_platform.cli", "schema", *words, "--json"]
        return subprocess.run(argv, capture_output=True, text=True, env={**os.environ, **mine}, check=False)
