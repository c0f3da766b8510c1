"""One bid at a time, from a stock client until a stock reader sees it in a model's published table.

Each bid comes through a channel of its own, so that its row in `channel_revenue` is nobody else's. The cut is read as
any reader would: versions from the ledger, files from the table's log.
"""

import io
import math
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import fastavro.schema
import psycopg
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from deltalake import DeltaTable

from analytics_platform_tests.proofs.report import ROOT
from analytics_platform_tests.stock import Address, stock

BID_SCHEMA_ID = 1  # schemas/ids.lock: bids-value, version 1
MODEL, TOPIC = "channel_revenue", "bids"
LOOK_SECONDS = 0.01
NOT_THE_HOUSES = 10**9  # channels of the auction house have smaller numbers
PATIENCE_SECONDS = 120.0  # a platform that has just started on a busy machine takes its time
READABLE = "select distinct channel from read_parquet($1) where channel in (select unnest($2))"
NEWEST = "select versions -> %s from publication order by number desc limit 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When a lone event reached the broker, and when its row was read in gold."""

    channel: str
    produced_at: datetime
    seconds: float


class SteadyBids(threading.Thread):
    """Bids at a steady rate, in the background; the ids that the broker has confirmed are what must be found."""

    def __init__(self, bootstrap: Address, per_second: float) -> None:
        super().__init__(daemon=True)
        self.confirmed: set[str] = set()
        self._producer, self._pause = Producer({**stock(bootstrap), "acks": "all"}), 1 / per_second
        self._schema, self._over = bid_schema(), threading.Event()

    def run(self) -> None:
        """Until told to stop."""
        while not self._over.wait(self._pause):
            self._send(str(uuid.uuid4()))
            self._producer.poll(0)

    def stop(self) -> set[str]:
        """What was produced, to the last one."""
        self._over.set()
        self.join()
        if self._producer.flush(10):
            raise RuntimeError("some bids were not produced")
        return self.confirmed

    def _send(self, event_id: str) -> None:
        self._producer.produce(
            TOPIC,
            value=encoded(f"channel-{NOT_THE_HOUSES}", self._schema),
            key=event_id.encode(),
            headers={"event_id": event_id},
            on_delivery=lambda error, _: self.confirmed.add(event_id) if error is None else None,
        )


class LoneEvents:
    """A producer and a reader of one instance."""

    def __init__(self, bootstrap: Address, ledger_dsn: str, tables: Path, partition: int = 0) -> None:
        self._producer = Producer({**stock(bootstrap), "linger.ms": 0, "acks": "all"})
        self._partition = partition
        self._ledger = psycopg.connect(ledger_dsn, autocommit=True)
        self._root = tables / MODEL
        self._schema = bid_schema()
        self._under_way: dict[str, tuple[datetime, float]] = {}  # by channel, when it was produced, by both clocks
        self._seen: int | None = None

    def send_and_wait(self) -> Arrival:
        """Produce a bid, and wait until its row is readable. Raises TimeoutError."""
        self.send()
        return self.wait()[-1]

    def send(self) -> None:
        """Produce a bid."""
        channel = f"channel-{uuid.uuid4().int % 10**12 + NOT_THE_HOUSES}"
        self._under_way[channel] = self._send(channel)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> list[Arrival]:
        """Those that arrived until none was left, or in these seconds; raises TimeoutError for one that had longer."""
        arrived, until = list[Arrival](), time.monotonic() + seconds
        while self._under_way and time.monotonic() < until:
            arrived += self._look()
            threading.Event().wait(LOOK_SECONDS)
        oldest = min((began for _, began in self._under_way.values()), default=math.inf)
        if time.monotonic() - oldest > PATIENCE_SECONDS:
            raise TimeoutError(f"{sorted(self._under_way)} are not in {MODEL} after {PATIENCE_SECONDS:.0f} s")
        return arrived

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    def _send(self, channel: str) -> tuple[datetime, float]:
        now = datetime.now(UTC)
        failed: list[KafkaError] = []
        began = time.monotonic()
        self._producer.produce(
            TOPIC,
            value=encoded(channel, self._schema),
            key=b"1",
            partition=self._partition,
            headers={"event_id": str(uuid.uuid4())},
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        if self._producer.flush(10) or failed:
            raise RuntimeError(f"not produced: {failed}")
        return now, began

    def _version(self) -> int | None:
        row = self._ledger.execute(NEWEST, [MODEL]).fetchone()
        return row[0] if row else None

    def _look(self) -> list[Arrival]:
        version = self._version()
        if version is None or version == self._seen:
            return []
        self._seen = version
        files = DeltaTable(str(self._root), version=version).file_uris()
        found = duckdb.execute(READABLE, [files, list(self._under_way)]).fetchall() if files else []
        now = time.monotonic()
        sent = [(channel, self._under_way.pop(channel)) for (channel,) in found]
        return [Arrival(channel=channel, produced_at=at, seconds=now - began) for channel, (at, began) in sent]


def added_partition(bootstrap: Address) -> int:
    """The number of a partition more, for others than the auction house: in its own it is the only one that writes."""
    admin = AdminClient(stock(bootstrap))
    number = len(admin.list_topics(TOPIC, 10).topics[TOPIC].partitions)
    admin.create_partitions([NewPartitions(TOPIC, number + 1)])[TOPIC].result(10)
    return number


def bid_schema() -> Any:
    """The schema of a bid's value."""
    return fastavro.schema.load_schema(str(ROOT / "schemas" / TOPIC / "value" / "1.avsc"))


def encoded(channel: str, schema: Any) -> bytes:
    """A bid of now through that channel that keeps the contract, as a registry's clients write it."""
    body = io.BytesIO()
    now = datetime.now(UTC)
    ids = {"auction": 1000, "bidder": 1000}
    bid = {**ids, "price": 100, "channel": channel, "url": "https://house/1000", "dateTime": now, "extra": ""}
    fastavro.schemaless_writer(body, schema, bid)
    return b"\0" + BID_SCHEMA_ID.to_bytes(4, "big") + body.getvalue()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
