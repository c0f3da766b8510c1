"""A plant whose sensors are read: one stream of JSON, two models, and a clock that is injected; for cost over age."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline import plan_all
from analytics_platform.pipeline.cycle import run_cycle
from analytics_platform.pipeline.parts import Limits, Parts
from analytics_platform.product import Encoding, FromField, FromKey, Model, Rule, Stream, Window
from analytics_platform_tests.proofs.real_parts import parts_on

PARTITIONS = 4
ROWS, SKEW = 40, 1_000
START = datetime(2026, 11, 1, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {
        "sensor": {"type": "integer"},
        "value": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["sensor", "value", "at"],
}
READER = Schema(
    id=1, guid=UUID(int=1), subject="readings-value", version=1, format=SchemaFormat.JSON, text=json.dumps(SCHEMA)
)
SCHEMAS = {"readings": StreamSchemas(stream="readings", reader=READER, writers={1: READER})}
READINGS = Stream(
    name="readings",
    topic="readings",
    pipeline="plant",
    description="Readings of sensors.",
    owner="team:plant",
    encoding=Encoding.JSON,
    identity=FromKey(),
    event_time=FromField("at"),
    rules=(Rule(name="value_is_positive", holds="value > 0"),),
    partitions=PARTITIONS,
)
MEANS = Model(
    name="means",
    pipeline="plant",
    description="Mean value per sensor and minute.",
    owner="team:plant",
    sql="select minute, sensor, avg(value) as mean, count(*) as readings from readings group by all",
    inputs=("readings",),
    grain=Window(column="minute", size=timedelta(minutes=1)),
)
HIGHEST = Model(
    name="highest",
    pipeline="plant",
    description="Highest value per ten minutes, every two.",
    owner="team:plant",
    sql="select starts_at, max(value) as highest, count(*) as readings from readings group by all",
    inputs=("readings",),
    grain=Window(column="starts_at", size=timedelta(minutes=10), every=timedelta(minutes=2)),
)


@dataclass(slots=True)
class Plant:
    """The topic's producer and the injected clock: records happen, and are planned, at its time."""

    producer: Producer
    topic: str
    now: datetime = START
    sent: int = 0
    by_partition: list[int] = field(default_factory=lambda: [0] * PARTITIONS)

    def produce(self) -> None:
        """The records of one batch: forty on the first partition, one in 1000 on each of the others."""
        for _ in range(ROWS):
            self.send(0)
            if self.by_partition[0] % SKEW == 0:
                for partition in range(1, PARTITIONS):
                    self.send(partition)
        self.producer.flush(10)

    def send(self, partition: int, key: str = "") -> None:
        """One record under that key, or under a new one; it is on its way, and there after a flush."""
        value = {"sensor": self.sent % 20, "value": 1 + self.sent % 997, "at": self.now.isoformat()}
        named = key or f"{self.sent:08d}"
        self.producer.produce(self.topic, json.dumps(value).encode(), named.encode(), partition)
        self.sent += 1
        self.by_partition[partition] += 1


@contextmanager
def plant_on(
    bootstrap: str, dsn: str, folder: Path, topic: str = "readings", models: Sequence[Model] = (MEANS, HIGHEST)
) -> Generator[tuple[Plant, Parts]]:
    """The plant with a topic of its own, over an empty ledger and empty tables; its clock is the parts' clock."""
    _create_topic(bootstrap, topic)
    pipeline = catalog_of([replace(READINGS, topic=topic), *models]).pipelines[READINGS.pipeline]
    with parts_on(bootstrap, dsn, folder, pipeline, SCHEMAS, Limits(quiet_seconds=0, cycle_seconds=0)) as parts:
        plant = Plant(Producer({"bootstrap.servers": bootstrap, "linger.ms": 0}), topic)
        yield plant, replace(parts, now=lambda: plant.now)


def cycle(lease: Lease, parts: Parts) -> None:
    """Plan what is new and take it the whole way, as a lease does."""
    plan_all(parts)
    run_cycle(planning.next_batches(parts.ledger, parts.pipeline.stream_names), lease, parts)


def _create_topic(bootstrap: str, topic: str) -> None:
    compacted = {"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01"}
    wanted = NewTopic(topic, PARTITIONS, 1, config=compacted)
    admin = AdminClient({"bootstrap.servers": bootstrap})  # it must live until the answer comes
    admin.create_topics([wanted])[topic].result()
