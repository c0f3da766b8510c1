"""What the proof of replays stands on: persons on a real broker, policies, one folder of keys, and orders of rework."""

import shutil
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.rework import Kind, Order, Progress
from analytics_platform.products import catalog
from analytics_platform.registry.folder import read_schemas
from analytics_platform_tests.brokers import Kafka, Postgres, running_kafka
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.ingest.topics import KafkaTopics
from analytics_platform_tests.proofs.foreign_persons import foreign_persons
from analytics_platform_tests.proofs.own_topic import topic_messages
from analytics_platform_tests.proofs.privacy_policies import FIRST, LATER, schemas_under
from analytics_platform_tests.proofs.protected_oracle import Log, Sent
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.proofs.scenarios import STREAMS, Scenario

ENOUGH = timedelta(minutes=40)  # of a day: what is sealed depends on the day that its batch was planned on
PIPELINE = "auction_house"


@dataclass(slots=True)
class Ground:
    """Everything that runs of one proof share."""

    folder: Path
    postgres: Postgres
    seed: int
    first: Path = field(init=False)
    later: Path = field(init=False)

    def __post_init__(self) -> None:
        self.first = schemas_under(self.folder / "schemas-first", FIRST)
        self.later = schemas_under(self.folder / "schemas-later", LATER)

    @property
    def keys(self) -> Path:
        """Where the keys are that the first run makes."""
        return self.folder / "keys"

    @contextmanager
    def kafka(self, name: str) -> Generator[Kafka]:
        """A broker of its own."""
        with running_kafka(self.folder / f"kafka-{name}", ROOT / ".state" / "jars") as kafka:
            yield kafka

    def scenario(self, name: str, kafka: Kafka, *, keys: Path | None = None, code: Path = ROOT) -> Scenario:
        """Workers under the first policy, with a ledger and tables of their own."""
        return Scenario(self.folder / name, kafka, self.postgres, self.settings(self.first, keys or self.keys), code)

    def settings(self, schemas: Path, keys: Path) -> dict[str, str]:
        """What a process is told of schemas and keys."""
        return {"AP_SCHEMA_DIR": str(schemas), "AP_KEY_DIR": str(keys)}

    def copied_keys(self) -> Path:
        """A copy of the keys, as another instance would have them."""
        return Path(shutil.copytree(self.keys, self.folder / "keys-copied"))

    def persons(self, count: int, seed: int) -> list[list[FakeRecord]]:
        """Records of a foreign producer, by partition."""
        reader = read_schemas(self.first, "persons").reader
        return foreign_persons(reader.id, count, seed, round(datetime.now(UTC).timestamp() * 1000))


def send(kafka: Kafka, logs: Sequence[Sequence[FakeRecord]]) -> None:
    """Persons onto their topic, by a stock client."""
    topics = KafkaTopics(kafka.bootstrap, KafkaReader)
    for partition, log in enumerate(logs):
        topics.append(catalog().streams["persons"].topic, partition, log)


def sent_to(kafka: Kafka) -> dict[str, Log]:
    """By stream, what is on its topic, as a stock client reads it."""
    found = {}
    for stream in STREAMS:
        messages = topic_messages(kafka.bootstrap, catalog().streams[stream].topic)
        found[stream] = {
            (m.partition(), m.offset()): Sent(key=m.key(), value=m.value(), headers=list(m.headers() or ()))
            for m in messages
        }
    return found


def persons_with_keys(keys: Path) -> int:
    """How many persons have a key."""
    store = keys / "keys.db"
    if not store.exists():
        return 0
    with closing(sqlite3.connect(store)) as opened:
        return opened.execute("select count(*) from subject where wrapped is not null").fetchone()[0]


def order(ledger: psycopg.Connection, kind: Kind) -> str:
    """Have everything that was planned so far judged again; returns the order's id."""
    hours = tuple(hour for (hour,) in ledger.execute("select distinct hour from batch").fetchall())
    wanted = Order(
        pipeline=PIPELINE,
        kind=kind,
        requested_by="a proof",
        reason="replay",
        requested_at=datetime.now(UTC),
        streams=STREAMS,
        hours=hours,
    )
    return rework.give(ledger, wanted)


def progress(ledger: psycopg.Connection, order_id: str) -> Progress:
    """How far an order is."""
    found = rework.progress(ledger, order_id)
    if found is None:
        raise RuntimeError(f"there is no order {order_id}")
    return found


def await_a_long_day(report: Report) -> None:
    """Two runs seal alike what they plan on one day: wait for the next one where this one is nearly over."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < ENOUGH:
        report.step(f"waits for {midnight:%H:%M} UTC")
        threading.Event().wait((midnight - now).total_seconds() + 1)
