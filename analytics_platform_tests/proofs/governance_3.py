"""A version is put away only once nothing needs it: not while Kafka has an offset in it, nor while bronze has a file.

Real records on a real broker, landed and published by real leases. Then Kafka's retention takes the records, and ours
the rows. Where the version is needed is known to the proof from what it wrote, not from the platform.
"""

import json
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable

from analytics_platform.errors import StillNeededError
from analytics_platform.facts import SchemaFormat
from analytics_platform.ingest.decode import decode
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.governance.opening import desk_of
from analytics_platform.pipeline.governance.retire import archive, deprecate, needed_by, version_of
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Catalog, Encoding, Pipeline
from analytics_platform.registry import store
from analytics_platform.registry.git import Repository
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.texts import Draft
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.pipeline.house import FIELDS, SCHEMAS, Clock, auction, bid
from analytics_platform_tests.pipeline.orders import lease, rows
from analytics_platform_tests.proofs.house_lease import Place
from analytics_platform_tests.proofs.registry_process import new_repository
from analytics_platform_tests.proofs.report import Report

SUBJECT, OLD, NEW = "bids-value", 2, 3  # the ids that the registry gives: auctions, then both versions of bids
NOW = datetime.now(UTC).replace(minute=10, second=0, microsecond=0)
RETENTION = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _House(Place):
    """The small auction house in Confluent's format."""

    def pipeline(self) -> Pipeline:
        house = Place.pipeline(self)
        return replace(house, streams=tuple(replace(s, encoding=Encoding.CONFLUENT) for s in house.streams))


def prove(report: Report) -> None:
    """Kafka and bronze, bronze alone, nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="governance-3-") as folder,
        running_kafka(Path(folder) / "kafka", read_settings().jar_dir) as kafka,
        running_postgres(Path(folder) / "postgres") as postgres,
        fresh_database(postgres) as dsn,
    ):
        home = Path(folder)
        place = _House(dsn=dsn, folder=home / "tables", bootstrap=kafka.bootstrap, suffix="g3")
        place.create()
        clock = Clock(NOW)
        with place.parts(now=clock) as parts, KafkaReader(kafka.bootstrap) as reader:
            parts = replace(parts, schemas=dict(SCHEMAS), limits=replace(parts.limits, retention=RETENTION))
            _prove(report, _Bench(parts=parts, reader=reader, place=place, home=home), clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What the proof works with."""

    parts: Parts
    reader: KafkaReader
    place: Place
    home: Path

    @contextmanager
    def registrar(self) -> Generator[Registrar]:
        folder = self.home / "project" / "schemas"
        yield Registrar(
            connection=self.parts.ledger, folder=folder, repository=Repository.of(folder), patches=self.home
        )

    def needs(self) -> list[str]:
        """What the platform says needs version 1."""
        with self.registrar() as registrar:
            snapshot, catalog = (
                store.read_snapshot(self.parts.ledger),
                Catalog(pipelines={"house": self.parts.pipeline}),
            )
            desk, version = desk_of(registrar, catalog), version_of(snapshot, SUBJECT, 1)
            return needed_by(registrar, desk, snapshot, version, self.place.folder, self.reader)

    def archive(self) -> str:
        """What `ap schema archive` does; its refusal in words."""
        with self.registrar() as registrar:
            desk, snapshot = desk_of(registrar), store.read_snapshot(self.parts.ledger)
            try:
                archive(registrar, desk, version_of(snapshot, SUBJECT, 1), self.needs(), None)
            except StillNeededError as error:
                return str(error)
        return ""

    def state(self) -> VersionState:
        return version_of(store.read_snapshot(self.parts.ledger), SUBJECT, 1).state


def _prove(report: Report, bench: _Bench, clock: Clock) -> None:
    _publish(bench)
    report.step("bids in both versions are produced, landed and published; version 1 is deprecated")
    written = [NEW, OLD, OLD, NEW, OLD, NEW]  # by offset of partition 0
    bench.place.append("bids", 0, [_bid(n, id_) for n, id_ in enumerate(written)])
    bench.place.append("auctions", 0, [_in(auction(1, 0, 5), 1)])
    lease(bench.parts, "first")
    with bench.registrar() as registrar:
        snapshot = store.read_snapshot(bench.parts.ledger)
        deprecate(registrar, desk_of(registrar), snapshot, version_of(snapshot, SUBJECT, 1), None, None)
    shutil.copytree(bench.place.folder / "bids" / "bronze", bench.home / "backup")
    topic = bench.place.topic("bids")
    refused = bench.archive()
    report.figure("while Kafka and bronze have them", refused.splitlines())
    report.claim("refused: the first offset is named", holds=f"offset 1 of {topic}-0" in refused)
    [file] = [Path(uri).name for uri in DeltaTable(str(bench.place.folder / "bids" / "bronze")).file_uris()]
    report.claim("and the file, with its rows", holds=f"3 rows in bids/bronze/{file}" in refused)
    report.step("Kafka's retention takes what is before offset 2")
    _delete(bench, topic, 2)
    report.claim("the next offset is named", holds=f"offset 2 of {topic}-0" in bench.archive())
    report.step("Kafka's retention takes all of version 1")
    _delete(bench, topic, 5)
    refused = bench.archive()
    report.figure("while bronze alone has them", refused.splitlines())
    report.claim(
        "refused, though Kafka keeps offset 5", holds=f"bids/bronze/{file}" in refused and topic not in refused
    )
    _retain(report, bench, clock, topic)


def _retain(report: Report, bench: _Bench, clock: Clock, topic: str) -> None:
    report.step("a late producer writes in version 1 once more; then our retention takes the first rows")
    clock.at = NOW + 3 * RETENTION
    bench.place.append("bids", 0, [_bid(6, NEW)])
    lease(bench.parts, "second")
    with taken(bench.parts.ledger, "house", "upkeep", clock.at) as held:
        upkeep.clean(bench.parts, held)
    bench.place.append("bids", 1, [_bid(7, OLD)])  # nobody has read it yet
    refused = bench.archive()
    report.figure("while a record that nobody has read is in it", refused.splitlines())
    report.claim("refused: what is not planned yet is looked at in Kafka", holds=f"offset 0 of {topic}-1" in refused)
    _delete(bench, topic, 1, partition=1)
    report.claim("nothing needs it now", holds=bench.needs() == [])
    report.claim("archived", holds=bench.archive() == "" and bench.state() is VersionState.ARCHIVED)
    subject = (bench.home / "project" / "schemas" / "bids" / "subject.yaml").read_text()
    report.claim("git says so", holds="archived" in subject)
    _read_again(report, bench)


def _read_again(report: Report, bench: _Bench) -> None:
    """Tables as they are, and a backup of rows in the archived version."""
    schemas = store.stream_schemas(bench.parts.ledger, "bids")
    assert schemas is not None
    old = DeltaTable(str(bench.home / "backup")).to_pyarrow_table()
    stream = bench.parts.pipeline.stream("bids")
    found = decode(old.drop_columns(["batch"]), stream, schemas, UUID(int=0))
    prices = dict(zip(found["offset"].to_pylist(), found["price"].to_pylist(), strict=True))
    report.claim("rows of a backup are read as before", holds=prices == {n: 100 + n for n in range(6)})
    report.claim("each without a fault", holds=found["reason"].null_count == found.num_rows == 6)
    silver = {row["event_id"] for row in rows(bench.parts, f"bids/{Layer.SILVER}").to_pylist()}
    report.claim("and the stream goes on", holds="bid-6" in silver)


def _publish(bench: _Bench) -> None:
    """Auctions, and two versions of bids, as the registry publishes them."""
    new_repository(bench.home / "project")
    with bench.registrar() as registrar:
        for subject, fields in (("auctions", {}), ("bids", {}), ("bids", {"currency": {"type": "string"}})):
            schema = {"type": "object", "properties": {**FIELDS[subject], **fields}, "required": list(FIELDS[subject])}
            draft = Draft(subject=f"{subject}-value", format=SchemaFormat.JSON, body=json.dumps(schema))
            registrar.publish(draft, lambda *_: None)


def _bid(number: int, id_: int) -> FakeRecord:
    return _in(bid(number, price=100 + number), id_)


def _in(record: FakeRecord, id_: int) -> FakeRecord:
    assert record.value is not None
    return replace(record, value=b"\0" + id_.to_bytes(4, "big") + record.value)


def _delete(bench: _Bench, topic: str, before: int, partition: int = 0) -> None:
    """What retention does: nothing before that offset is there any more."""
    admin = AdminClient({"bootstrap.servers": bench.place.bootstrap})
    for done in admin.delete_records([TopicPartition(topic, partition, before)]).values():
        done.result(20)
