"""A producer's faults in a live run: held or warned as declared, one alert each, and readers see nothing forbidden.

A real broker, a real Postgres, real tables, a real Alertmanager with a receiver behind it; a process of its own
executes leases one after another. A producer commits, one after the other: missing, invalid and duplicate values, a
drifted mean, a changed schema, a burst, late events, cents for euros, and silence. Each must be held or let through as
its contract says, and be exactly one alert, with its cause and severity; when the producer is mended, and a person has
discarded what was held, it must be over. All the while a reader polls: silver by stock `deltalake`, whatever is
committed there, which must never hold a row of a held batch; and `ap sql`, in which the model must add up to the silver
beside it.
"""

import multiprocessing
import random
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer as Kafka
from confluent_kafka.admin import AdminClient, NewTopic
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.alertmanager import Alertmanager
from analytics_platform.alerts.deliver import deliver
from analytics_platform.facts import BatchId
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres import failing, rework
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.manifests import check_verdict
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect, migrate
from analytics_platform.published import QueryError, rows_of, sql
from analytics_platform.quality.table import verify_table
from analytics_platform.settings import Settings, read_settings
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.alarms import Alarms, await_that, running_alarms
from analytics_platform_tests.proofs.faulty_house import (
    BIDS,
    FAULTS,
    HOUSE,
    LATENESS,
    SILENCE,
    Fault,
    Producer,
    schemas,
)
from analytics_platform_tests.proofs.instances import pause
from analytics_platform_tests.proofs.report import ROOT, Report

ALERT_SECONDS, SILENT_SECONDS = 60.0, 180.0
TICK_SECONDS = 0.3
KNOWN = Known(owners={"bids/silver": "team:house"}, pipelines={"bids/silver": "house"})
ADDS_UP = f"""
    select (select coalesce(sum(n), 0) from counts)::bigint as model,
        (select count(*) from bids where late_micros <= {LATENESS.total_seconds() * 1e6:.0f}) as silver
"""
FORBIDDEN = """
    select r.partition, r.start_offset, r.end_offset from batch_range r join batch b using (stream, number)
    where b.state = any(%s)
"""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["analytics_platform_tests.proofs.faulty_house"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the house lives."""

    dsn: str
    tables: Path
    bootstrap: str
    stop: Path

    def settings(self) -> Settings:
        """Those of its readers."""
        return replace(read_settings(), ledger_dsn=self.dsn, table_dir=self.tables)


@dataclass(slots=True)
class Polled:
    """What a reader has seen: places of rows in silver, polls, and answers that did not add up."""

    places: set[tuple[int, int]] = field(default_factory=set)
    polls: int = 0
    sizes: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A running house: its ledger, its producer, and who is told of what fails."""

    place: Place
    ledger: psycopg.Connection
    producer: Producer
    alarms: Alarms

    def produce(self, records: list[Any]) -> None:
        """Send them in one go, and wait until the broker has them."""
        kafka = Kafka({"bootstrap.servers": self.place.bootstrap, "linger.ms": 200})
        for record in records:
            kafka.produce(BIDS.topic, record.value, partition=0, headers=list(record.headers))
        assert not kafka.flush(30)

    def told(self) -> list[dict[str, Any]]:
        """Verify the published table, deliver, and ask Alertmanager what stands."""
        now = datetime.now(UTC)
        rows = rows_of(self.place.settings(), HOUSE, "bids")
        if rows is not None:
            results = verify_table(BIDS, rows, rows.count_rows() if hasattr(rows, "count_rows") else rows.num_rows, now)
            failing.note_table(self.ledger, "bids", [check_verdict("bids", result) for result in results], now)
        assert not deliver(self.ledger, [Alertmanager(url=self.alarms.url)], KNOWN, now)
        return self.alarms.standing()

    def numbers(self, state: str) -> list[int]:
        """The batches in that state."""
        rows = self.ledger.execute("select number from batch where state = %s order by 1", [state]).fetchall()
        return [number for (number,) in rows]

    def discard_held(self) -> None:
        """A person's word about every held batch."""
        batches = tuple(BatchId(stream="bids", number=number) for number in self.numbers("held"))
        about: dict[str, Any] = {"requested_by": "proof", "reason": "broken", "requested_at": datetime.now(UTC)}
        rework.give(self.ledger, Order(pipeline="house", kind=Kind.DISCARD, batches=batches, **about))


def prove(report: Report) -> None:
    """Commit fault after fault, with a reader beside."""
    with tempfile.TemporaryDirectory(prefix="quality-1-") as name, _live(report, Path(name)) as (live, polled):
        report.step("good bids")
        live.produce(live.producer.good())
        await_that(lambda: bool(live.numbers("published")), "the first batch is published")
        report.claim("nothing is alarmed", not live.told())
        for fault in FAULTS:
            _commit(report, live, fault)
        _be_silent(report, live)
        await_that(lambda: _places(live.ledger, ["published"]) <= polled.places, "the reader has seen the last batch")
        _judge_reader(report, live, polled)


def _commit(report: Report, live: Live, fault: Fault) -> None:
    report.step(fault.name)
    began = time.monotonic()
    live.produce(live.producer.of(fault))
    alerts = _until(live, lambda found: bool(found), ALERT_SECONDS)
    report.figure(f"{fault.name}: seconds until the alert", round(time.monotonic() - began, 1))
    _judge(report, live, fault, alerts)
    if fault.holds:
        live.discard_held()
    live.produce(live.producer.good())
    left = _until(live, lambda found: not found, ALERT_SECONDS)
    report.claim(f"{fault.name}: over once it is mended", not left)


def _judge(report: Report, live: Live, fault: Fault, alerts: list[dict[str, Any]]) -> None:
    said = [(a["labels"]["cause"], a["labels"]["severity"]) for a in alerts]
    wanted = [(fault.cause, "error" if fault.holds or fault is SILENCE else "warn")]
    report.claim(f"{fault.name}: exactly one alert, {said}", said == wanted)
    # Alertmanager keeps to itself what is over before it has told of it
    await_that(lambda: (fault.cause, "firing") in live.alarms.notified(), f"the receiver is told of {fault.cause}")
    if fault is SILENCE:
        return
    held = live.numbers("held")
    report.claim(f"{fault.name}: {'held' if fault.holds else 'let through'} as declared", bool(held) == fault.holds)


def _be_silent(report: Report, live: Live) -> None:
    report.step("silence")
    alerts = _until(live, lambda found: bool(found), SILENT_SECONDS)
    _judge(report, live, SILENCE, alerts)
    live.produce(live.producer.good())
    report.claim("silence: over once bids come again", not _until(live, lambda found: not found, ALERT_SECONDS))
    causes = {fault.cause for fault in (*FAULTS, SILENCE)}
    both = {(cause, status) for cause in causes for status in ("firing", "resolved")}
    await_that(lambda: both <= live.alarms.notified().keys(), "the receiver is told of each, and that it is over")
    report.claim("and of nothing else", {cause for cause, _ in live.alarms.notified()} == causes)


def _until(live: Live, holds: Any, seconds: float) -> list[dict[str, Any]]:
    """What stands, once that holds or the time is over."""
    deadline = time.monotonic() + seconds
    while not holds(found := live.told()) and time.monotonic() < deadline:
        pause(TICK_SECONDS)
    return found


def _judge_reader(report: Report, live: Live, polled: Polled) -> None:
    report.figure("polls of the reader", polled.polls)
    report.figure("sizes of silver that it saw", len(polled.sizes))
    forbidden, allowed = (_places(live.ledger, states) for states in (["held", "discarded"], ["published"]))
    report.figure("rows of batches that were held", len(forbidden))
    report.claim(
        "stock deltalake never showed a row of a held batch", bool(forbidden) and not forbidden & polled.places
    )
    report.claim("noticed: it did show those of batches that were let through", allowed <= polled.places)
    report.claim(f"each answer of `ap sql` was one cut {polled.wrong[:3] or ''}", not polled.wrong)
    report.claim("and the cuts moved on meanwhile", len(polled.sizes) > len(FAULTS))


def _places(ledger: psycopg.Connection, states: list[str]) -> set[tuple[int, int]]:
    rows = ledger.execute(FORBIDDEN, [states]).fetchall()
    return {(partition, offset) for partition, start, end in rows for offset in range(start, end)}


def _poll(place: Place, polled: Polled, stop: threading.Event) -> None:
    """What a reader does, until told to stop."""
    while not stop.is_set():
        try:
            table = DeltaTable(str(place.tables / "bids" / "silver")).to_pyarrow_table(columns=["partition", "offset"])
            (answer,) = sql(place.settings(), HOUSE, ADDS_UP).to_pylist()
        except (TableNotFoundError, QueryError) as error:
            if polled.polls:
                polled.wrong.append(str(error)[:200])
            stop.wait(0.2)
            continue
        polled.places |= set(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))
        polled.polls += 1
        polled.sizes.add(answer["silver"])
        if answer["model"] != answer["silver"]:
            polled.wrong.append(str(answer))
        stop.wait(0.05)


def work_live(place: Place) -> None:
    """What the worker's process does: leases, one after another, until there is a file that says stop."""
    with connect(place.dsn, application="worker") as ledger, KafkaReader(place.bootstrap) as reader:
        pipeline = HOUSE.pipelines["house"]
        parts = Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=reader,
            query=connect_duckdb(threads=1),
            schemas=schemas(),
            tables=Tables.open(place.tables, pipeline, schemas()),
            limits=Limits(lease_seconds=10, quiet_seconds=1, cycle_seconds=0.3),
        )
        number = 0
        while not place.stop.exists():
            number += 1
            run_lease(parts, f"lease {number}", datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


@contextmanager
def _live(report: Report, folder: Path) -> Generator[tuple[Live, Polled]]:
    with (
        running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
        running_postgres(folder / "postgres") as postgres,
        fresh_database(postgres) as dsn,
        running_alarms(report, folder / "alertmanager") as alarms,
        connect(dsn, application="proof") as ledger,
    ):
        migrate(ledger)
        ensure_pipeline(ledger, "house")
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})  # it must live until the answer comes
        admin.create_topics([NewTopic(BIDS.topic, 1, 1)])[BIDS.topic].result(30)
        place = Place(dsn=dsn, tables=folder / "tables", bootstrap=kafka.bootstrap, stop=folder / "stop")
        producer = Producer(random.Random(report.seed))
        live = Live(place=place, ledger=ledger, producer=producer, alarms=alarms)
        with _beside(place) as polled:
            yield live, polled


@contextmanager
def _beside(place: Place) -> Generator[Polled]:
    """A worker's process and a reader's thread, stopped in order."""
    worker, polled, stop = FORKS.Process(target=work_live, args=(place,)), Polled(), threading.Event()
    reader = threading.Thread(target=_poll, args=(place, polled, stop))
    worker.start()
    reader.start()
    try:
        yield polled
    finally:
        stop.set()
        reader.join(60)
        place.stop.touch()
        worker.join(60)
        if worker.is_alive():
            worker.kill()
