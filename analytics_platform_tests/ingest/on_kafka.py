"""A real lease on a real broker: letters as plain JSON, and what the stock client reads of the same topic."""

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from confluent_kafka import Consumer, KafkaError, TopicPartition

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import OffsetRange, Schema, SchemaFormat, StreamSchemas
from analytics_platform.ingest.records import Gap
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Encoding, FromBroker, FromCoordinates, Stream
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.ingest.topics import KafkaTopics

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "pad": {"type": "string"}}, "required": ["n"]}
READER = Schema(
    id=1, guid=UUID(int=1), subject="letters-value", version=1, format=SchemaFormat.JSON, text=json.dumps(SCHEMA)
)
SCHEMAS = {"letters": StreamSchemas(stream="letters", reader=READER, writers={1: READER})}
LETTERS = Stream(
    name="letters",
    topic="replaced",
    pipeline="post",
    description="Letters.",
    owner="team:post",
    encoding=Encoding.JSON,
    identity=FromCoordinates(),
    event_time=FromBroker(),
)
CLIENT_SECONDS = 20.0


def letter(number, pad="", key=None):
    """One good record."""
    return FakeRecord(value=json.dumps({"n": number, "pad": pad}).encode(), key=key, at_ms=_now_ms())


def letters(count, first=0, pad=""):
    """Several of them."""
    return [letter(number, pad) for number in range(first, first + count)]


def _now_ms():
    return int(datetime.now(UTC).timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The pipeline on one topic; `topics` writes to it with the stock client."""

    topic: str
    topics: KafkaTopics
    parts: Parts

    def write(self, records, partition=0, **config):
        """Write with the stock producer."""
        self.topics.append(self.topic, partition, records, **config)

    def lease(self, on_cycle=lambda _: None):
        """Run one lease to its end; returns what it published."""
        hour = self.parts.now().replace(minute=0, second=0, microsecond=0)
        return run_lease(self.parts, "run", hour, on_cycle).manifests

    def bronze(self):
        """By coordinate, the key and value that bronze holds."""
        return {(r["partition"], r["offset"]): (r["key"], r["value"]) for r in self._rows(Layer.BRONZE)}

    def outcomes(self):
        """By coordinate, what became of each row; no row has two."""
        silver = {(r["partition"], r["offset"]): "published" for r in self._rows(Layer.SILVER)}
        others = {(r["partition"], r["offset"]): r["outcome"] for r in self._rows(Layer.EXCEPTIONS)}
        assert not silver.keys() & others.keys()
        return silver | others

    def numbers(self):
        """The letters that silver has, in order of their coordinates."""
        rows = sorted(self._rows(Layer.SILVER), key=lambda r: (r["partition"], r["offset"]))
        return [r["n"] for r in rows]

    def alarms(self, kind):
        """The bodies of the outbox's rows of that kind."""
        found = self.parts.ledger.execute("select body from outbox where kind = %s order by id", [kind])
        return [body for (body,) in found.fetchall()]

    def gaps(self):
        """What the log says of the offsets without a record, over all that is there."""
        counted = Counter()
        with self.topics.reader() as reader:
            stable = reader.offsets([self.topic])[self.topic]
            ranges = [
                OffsetRange(topic_id=p.topic_id, partition=p.partition, start=p.first, end=p.stable_end)
                for p in stable
                if p.first < p.stable_end
            ]
            rows = sum(table.num_rows for table in reader.fetch(self.topic, ranges, gaps=counted))
        assert rows + counted.total() == sum(r.offsets for r in ranges)
        return {Gap(kind): count for kind, count in counted.items() if count}

    def agrees(self, lost=()):
        """Bronze is what the stock client reads, plus what was `lost` since; every row has one outcome; all adds up.

        Returns how many rows were compared.
        """
        bronze = self.bronze()
        assert {place: row for place, row in bronze.items() if place not in lost} == stock_view(
            self.topics.bootstrap, self.topic
        )
        assert self.outcomes().keys() == bronze.keys()
        query = "select body from manifest order by stream, number"
        bodies = [body for (body,) in self.parts.ledger.execute(query).fetchall()]
        assert sum(body["rows"] for body in bodies) == len(bronze)
        assert all(body["offsets"] == body["rows"] + body["gaps"] for body in bodies)
        assert all(v["passed"] for body in bodies for v in body["verdicts"] if v["check"] == "reconciled")
        return len(bronze)

    def _rows(self, layer):
        table = self.parts.tables.of("letters", layer)
        table.refresh()
        return read_files(self.parts.query, table.uris(table.files()), table.shape.columns).to_pylist()


@contextmanager
def opened(topics, topic, dsn, folder, *, reader=None, **declared):
    """The pipeline on that topic, with a ledger and tables of its own; `declared` changes its stream."""
    stream = replace(LETTERS, topic=topic, **declared)
    pipeline = catalog_of([stream]).pipelines["post"]
    with connect(dsn, application="test") as ledger, reader or topics.reader() as opened_reader:
        migrate(ledger)
        ensure_pipeline(ledger, pipeline.name)
        parts = Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=opened_reader,
            query=connect_duckdb(threads=1),
            schemas=SCHEMAS,
            tables=Tables.open(folder, pipeline, SCHEMAS),
            limits=Limits(lease_seconds=90, quiet_seconds=0, cycle_seconds=0),
        )
        yield Post(topic=topic, topics=topics, parts=parts)


def stock_view(bootstrap, topic):
    """By coordinate, the key and value of every committed record, as librdkafka reads them from the beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "stock",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        layout = consumer.list_topics(topic, timeout=CLIENT_SECONDS).topics[topic].partitions
        places = [TopicPartition(topic, p, consumer.get_watermark_offsets(TopicPartition(topic, p))[0]) for p in layout]
        consumer.assign(places)
        return _until_the_ends(consumer, len(places))
    finally:
        consumer.close()


def _until_the_ends(consumer, partitions):
    found, ended = {}, set()
    while len(ended) < partitions:
        message = consumer.poll(CLIENT_SECONDS)
        assert message is not None, "the stock client reads nothing"
        if message.error() is None:
            found[message.partition(), message.offset()] = (message.key(), message.value())
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
    return found
