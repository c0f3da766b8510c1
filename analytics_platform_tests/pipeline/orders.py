"""A small pipeline for tests: orders as plain JSON with an id header, and one model over them."""

import json
import random
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.shapes import Layer, hashed
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.ledger.postgres.timers import end_stream
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Encoding, FromField, FromHeader, Model, Rule, Stream, Window
from analytics_platform_tests.countdown import Countdown
from analytics_platform_tests.fakes import FakeKafka, FakeRecord

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = START
PROPERTIES = {
    "city": {"type": "string"},
    "amount": {"type": "integer"},
    "at": {"type": "string", "format": "date-time"},
}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": ["city", "amount", "at"]}
ORDERS = Stream(
    name="orders",
    topic="orders-topic",
    pipeline="shop",
    description="Orders.",
    owner="team:shop",
    encoding=Encoding.JSON,
    identity=FromHeader("event_id"),
    event_time=FromField("at"),
    rules=(Rule(name="amount_is_positive", holds="amount > 0"),),
    partitions=2,
    batch_rows=100,
)
REVENUE = Model(
    name="revenue",
    pipeline="shop",
    description="Revenue per minute.",
    owner="team:shop",
    sql="select minute, sum(amount)::bigint as revenue, count(*) as orders from orders group by minute",
    inputs=("orders",),
    grain=Window(column="minute", size=timedelta(minutes=1)),
)
SHOP = catalog_of([ORDERS, REVENUE]).pipelines["shop"]
READER = Schema(
    id=1, guid=UUID(int=1), subject="orders-value", version=1, format=SchemaFormat.JSON, text=json.dumps(SCHEMA)
)
SCHEMAS = {"orders": StreamSchemas(stream="orders", reader=READER, writers={1: READER})}


def order(number, amount=1, minute=0, city="Graz"):
    """One good order unless the amount is none; ids are shared by equal numbers."""
    at = START + timedelta(minutes=minute)
    value = json.dumps({"city": city, "amount": amount, "at": at.isoformat()}).encode()
    headers = (("event_id", f"order-{number:06d}".encode()),)
    return FakeRecord(value=value, key=city.encode(), headers=headers, at_ms=int(at.timestamp() * 1000))


def random_orders(seed, count):
    """Orders of which some are late, copied, conflicting or broken; copies stay in their partition."""
    chance = random.Random(seed)
    logs = [[], []]
    for number in range(count):
        partition = number % 2
        logs[partition].append(order(number, chance.randint(1, 99), minute=number // 40 - chance.choice([0, 0, 0, 1])))
        earlier = chance.choice(logs[partition])
        match chance.randint(0, 19):
            case 0:
                logs[partition].append(earlier)
            case 1:
                logs[partition].append(order(number, -5, minute=number // 40))
            case 2:
                logs[partition].append(FakeRecord(value=b'{"city": ', headers=earlier.headers, at_ms=earlier.at_ms))
    return logs


def kafka_with(logs):
    """A broker in memory that holds those records."""
    kafka = FakeKafka()
    kafka.create(ORDERS.topic, ORDERS.partitions)
    for partition, records in enumerate(logs):
        kafka.append(ORDERS.topic, partition, records)
    return kafka


@contextmanager
def opened(dsn, folder, kafka, reached=lambda _: None, pipeline=SHOP, schemas=SCHEMAS, keys=None):
    """The pipeline's parts on a real ledger and real tables; a lease ends as soon as nothing is left."""
    with connect(dsn, application="test") as ledger:
        migrate(ledger)
        ensure_pipeline(ledger, pipeline.name)
        yield Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=kafka.reader(),
            query=connect_duckdb(threads=1),
            schemas=schemas,
            tables=Tables.open(folder, pipeline, schemas, reached),
            keys=keys,
            limits=Limits(lease_seconds=60, quiet_seconds=0, cycle_seconds=0),
            reached=reached,
        )


def lease(parts, run_id="run"):
    """Run one lease to its end."""
    return run_lease(parts, run_id, parts.now().replace(minute=0, second=0, microsecond=0))


def finish(parts):
    """The stream ends, and a last lease works off what waited for that."""
    end_stream(parts.ledger, ORDERS.name)
    lease(parts, "last")


def rows(parts, table):
    """Every row of a table's newest version."""
    found = parts.tables.by_name[table]
    found.refresh()
    return read_files(parts.query, found.uris(found.files()), found.shape.columns)


def content(parts):
    """Each table's content hash."""
    return {name: fingerprint(hashed(rows(parts, name))) for name in parts.tables.by_name}


def outcomes(parts):
    """By coordinate, what became of each row."""
    silver = {(r["partition"], r["offset"]): "published" for r in rows(parts, f"orders/{Layer.SILVER}").to_pylist()}
    others = {
        (r["partition"], r["offset"]): r["outcome"] for r in rows(parts, f"orders/{Layer.EXCEPTIONS}").to_pylist()
    }
    assert not silver.keys() & others.keys()
    return silver | others


class KilledError(Exception):
    """Stands for kill -9: nothing after it runs, and nobody cleans up."""


def kill_at(point, hit):
    """Die at that point, the hit-th time it is reached: no thread gets past another point."""
    countdown, dead = Countdown(hit), threading.Event()

    def reached(found):
        if found is point and countdown.is_the_one():
            dead.set()
        if dead.is_set():
            raise KilledError(point)

    return reached
