"""A small auction house for tests: two streams as plain JSON, and a model of each kind over them."""

import json
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.ledger.postgres import dirty, timers
from analytics_platform.product import Encoding, FromField, FromHeader, Key, Life, Model, Stream, Window
from analytics_platform_tests.fakes import FakeKafka, FakeRecord
from analytics_platform_tests.pipeline import orders
from analytics_platform_tests.pipeline.orders import lease

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ABOUT: dict[str, Any] = {"pipeline": "house", "description": "", "owner": "team:house"}
TIME, NUMBER = {"type": "string", "format": "date-time"}, {"type": "integer"}
FIELDS = {
    "bids": {"auction": NUMBER, "price": NUMBER, "at": TIME},
    "auctions": {"id": NUMBER, "kind": NUMBER, "at": TIME, "closes": TIME},
}


def stream(name, **given):
    declared: dict[str, Any] = {
        "encoding": Encoding.JSON,
        "identity": FromHeader("event_id"),
        "event_time": FromField("at"),
    }
    return Stream(name=name, topic=name, partitions=2, **{**ABOUT, **declared, **given})


def model(name, sql, inputs, grain, **given):
    return Model(name=name, sql=sql, inputs=inputs, grain=grain, **{**ABOUT, **given})


HOT = model(
    "hot",
    "select start, auction, count(*) as bids from bids group by all",
    ("bids",),
    Window(column="start", size=4 * MINUTE, every=2 * MINUTE),
    lateness=30 * MINUTE,
)
WINS = model(
    "wins",
    "select id, kind, closes, max(price) as price from auctions join bids on auction = id"
    " where closes <= watermark() group by all",
    ("auctions", "bids"),
    Key(column="id", life=Life(input="auctions", starts="at", ends="closes")),
    touches={"auctions": "id", "bids": "auction"},
)
SUMS = model(
    "sums",
    "select hour, kind, count(*) as wins, sum(price)::bigint as total from wins group by all",
    ("wins",),
    Window(column="hour", size=60 * MINUTE),
    touches={"wins": "closes"},
)
KINDS = model(
    "kinds",
    "select kind, sum(wins)::bigint as wins, sum(total)::bigint as total from sums group by kind",
    ("sums",),
    Key(column="kind"),
    touches={"sums": "kind"},
)
HOUSE = catalog_of([stream("bids"), stream("auctions"), HOT, WINS, SUMS, KINDS]).pipelines["house"]


def _schemas(name):
    found = {"type": "object", "properties": FIELDS[name], "required": list(FIELDS[name])}
    about = {"subject": f"{name}-value", "version": 1, "format": SchemaFormat.JSON, "text": json.dumps(found)}
    reader = Schema(id=1, guid=UUID(int=1), **about)
    return StreamSchemas(stream=name, reader=reader, writers={1: reader})


SCHEMAS = {name: _schemas(name) for name in FIELDS}


def record(name, **fields):
    """A record of any fields; times are minutes after noon."""
    value = {n: (NOON + v * MINUTE).isoformat() if FIELDS["auctions"].get(n) is TIME else v for n, v in fields.items()}
    return FakeRecord(value=json.dumps(value).encode(), headers=(("event_id", name.encode()),))


def bid(name, auction=1, at=1.0, price=10):
    return record(f"bid-{name}", auction=auction, at=at, price=price)


def auction(number=1, opens=0.0, closes=5.0, kind=1):
    return record(f"auction-{number}", id=number, kind=kind, at=opens, closes=closes)


def kafka_with(bids=(), auctions=()):
    """A broker in memory; all records are in the first partitions."""
    kafka = FakeKafka()
    for name, records in (("bids", bids), ("auctions", auctions)):
        kafka.create(name, 2)
        kafka.append(name, 0, records)
    return kafka


def random_house(seed, count):
    """Bids on auctions that open and close meanwhile; some are late, some too late, some for no auction."""
    chance = random.Random(seed)
    kafka = kafka_with()
    for number in range(count):
        at = number / 4
        if number % 5 == 0:
            life = chance.uniform(0.1, 30)
            opened = auction(number // 5, opens=at, closes=at + life, kind=chance.randint(1, 3))
            kafka.append("auctions", number // 5 % 2, [opened])
        late = chance.choice([0, 0, 0, 0, 3, 29, 31])
        lot = chance.randint(max(0, number // 5 - 9), number // 5 + 1)
        kafka.append("bids", lot % 2, [bid(number, lot, at=at - late, price=chance.randint(1, 99))])
    return kafka


class Clock:
    """A clock that tests move."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@contextmanager
def opened(dsn, folder, kafka, *, now: Callable[[], datetime] | None = None, reached=lambda _: None, pipeline=HOUSE):
    """The pipeline's parts on a real ledger and real tables."""
    with orders.opened(dsn, folder, kafka, reached, pipeline, SCHEMAS) as parts:
        yield parts if now is None else replace(parts, now=now)


def finish(parts):
    """Both streams end, and a last lease works off what waited for that."""
    for name in parts.pipeline.stream_names:
        timers.end_stream(parts.ledger, name)
    lease(parts, "last")
    assert not dirty.is_any(parts.ledger, parts.pipeline.model_names)
    assert not timers.first_due(parts.ledger, parts.pipeline.model_names)
