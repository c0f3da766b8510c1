"""A stream of bids under a contract that knows nine faults, and what a producer does to commit each of them."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.product import Catalog, Encoding, FromField, FromHeader, Model, Rule, Stream, Window
from analytics_platform_tests.fakes import FakeRecord

NUMBER, TEXT = {"type": "integer"}, {"type": ["string", "null"]}
FIELDS = {
    "auction": NUMBER,
    "price": NUMBER,
    "channel": TEXT,
    "ref": TEXT,
    "at": {"type": "string", "format": "date-time"},
}
CONTRACT = """
dataset: platform/main/bids
check_attributes: {owner: "team:house"}
columns:
  - name: channel
    checks:
      - missing: {name: every bid has a channel}
  - name: auction
    checks:
      - invalid: {name: auctions are below a million, valid_max: 1000000}
  - name: ref
    checks:
      - duplicate: {name: a reference is used once}
  - name: price
    checks:
      - aggregate:
          function: avg
          name: the mean price stays where it is
          threshold: {level: warn, must_be_less_than: 9000}
      - metric:
          name: prices are cents
          qualifier: unit
          expression: coalesce(avg(ln(price)), 8.5)
          threshold: {must_be_greater_than: 7}
checks:
  - row_count: {name: no burst, threshold: {level: warn, must_be_less_than: 900}}
  - metric:
      name: at most a fifth of the rows are refused
      qualifier: refused
      query: select 100.0 * count(*) filter (reason is not null) / count(*) from bids_read
      threshold: {must_be_less_than: 20}
  - metric:
      name: few bids are late
      qualifier: late
      query: select 100.0 * count(*) filter (event_at < broker_at - interval 1 hour) / count(*) from bids_read
      threshold: {level: warn, must_be_less_than: 20}
  - freshness:
      name: bids keep coming
      column: broker_at
      threshold: {unit: minute, must_be_less_than_or_equal: 1}
      attributes: {scope: table}
"""
LATENESS = timedelta(minutes=30)
ABOUT: dict[str, Any] = {"pipeline": "house", "description": "", "owner": "team:house"}
BIDS = Stream(
    name="bids",
    topic="bids-q1",
    encoding=Encoding.JSON,
    identity=FromHeader("event_id"),
    event_time=FromField("at"),
    rules=(Rule(name="price_is_positive", holds="price > 0"),),
    partitions=1,
    contract=CONTRACT,
    freshness=timedelta(hours=1),
    **ABOUT,
)
COUNTS = Model(
    name="counts",
    sql="select day, count(*) as n, sum(price)::bigint as total from bids group by day",
    inputs=("bids",),
    grain=Window(column="day", size=timedelta(days=1)),
    lateness=LATENESS,
    **ABOUT,
)
HOUSE: Catalog = catalog_of([BIDS, COUNTS])


def schemas() -> dict[str, StreamSchemas]:
    """The one schema of the bids."""
    text = json.dumps({"type": "object", "properties": FIELDS, "required": ["auction", "price", "at"]})
    reader = Schema(id=1, guid=UUID(int=1), subject="bids-value", version=1, format=SchemaFormat.JSON, text=text)
    return {"bids": StreamSchemas(stream="bids", reader=reader, writers={1: reader})}


@dataclass(slots=True)
class Producer:
    """Makes records; names those of a fault so that everybody can tell them."""

    chance: random.Random
    made: int = 0

    def good(self, count: int = 20) -> list[FakeRecord]:
        """Bids as they should be."""
        return [self._bid("good") for _ in range(count)]

    def of(self, fault: "Fault") -> list[FakeRecord]:
        """A batch in which the fault is committed."""
        return [self._bid(fault.name, **fault.change(n)) for n in range(fault.rows)]

    def _bid(self, name: str, **changed: Any) -> FakeRecord:
        self.made += 1
        value = {
            "auction": self.chance.randint(1, 9),
            "price": self.chance.randint(2_000, 8_000),
            "channel": self.chance.choice(["web", "app"]),
            "ref": f"r{self.made}",
            "at": datetime.now(UTC).isoformat(),
            **changed,
        }
        return FakeRecord(value=json.dumps(value).encode(), headers=(("event_id", f"{name}-{self.made}".encode()),))


def _nothing(_: int) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a producer does wrong, and what must follow: the cause of the one alert, and whether the batch is held."""

    name: str
    cause: str
    holds: bool
    rows: int = 20
    change: Callable[[int], Mapping[str, Any]] = _nothing


def _late(_: int) -> dict[str, str]:
    return {"at": (datetime.now(UTC) - timedelta(hours=3)).isoformat()}


FAULTS: Sequence[Fault] = (
    Fault(name="missing", cause="channel", holds=True, change=lambda n: {"channel": None} if n % 4 == 0 else {}),
    Fault(name="invalid", cause="auction", holds=True, change=lambda n: {"auction": 10**8} if n == 3 else {}),
    Fault(name="duplicate", cause="ref", holds=True, change=lambda n: {"ref": "same"} if n < 2 else {}),
    Fault(name="drifted", cause="price", holds=False, change=lambda n: {"price": 15_000 + n}),
    Fault(
        name="schema-drift",
        cause="check checks_metric_refused",
        holds=True,
        change=lambda n: {"price": f"{n}.50 EUR"} if n % 2 else {},
    ),
    Fault(name="burst", cause="check checks_row_count", holds=False, rows=1_000),
    Fault(name="late", cause="check checks_metric_late", holds=False, change=_late),
    Fault(name="unit-drift", cause="price", holds=True, change=lambda n: {"price": 20 + n}),
)
SILENCE = Fault(name="silence", cause="broker_at", holds=False, rows=0)
