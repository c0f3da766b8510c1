"""Bids written by a stock producer with a stock serializer, in whichever version of the schema is the latest."""

import random
import time
import uuid
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from analytics_platform_tests.stock import Address, stock

TOPIC = "bids"
LATEST = {"auto.register.schemas": False, "use.latest.version": True}
CURRENCIES = ("EUR", "GBP", "USD")


class StockBids:
    """A producer of bids; keeps by event id what it has sent."""

    def __init__(self, bootstrap: Address, registry: str, seed: int) -> None:
        self.sent: dict[str, Mapping[str, Any]] = {}
        self._producer = Producer({**stock(bootstrap), "enable.idempotence": True})
        self._serialize = AvroSerializer(SchemaRegistryClient({"url": registry}), conf=LATEST)
        self._chance = random.Random(seed)

    def send(self, count: int, per_second: float) -> None:
        """Send bids with a currency, at that pace."""
        for _ in range(count):
            id_, bid = str(uuid.uuid4()), self.bid()
            body = self._serialize(bid, SerializationContext(TOPIC, MessageField.VALUE))
            self._produce(id_, body)
            self.sent[id_] = bid
            time.sleep(1 / per_second)
        self._flush()

    def send_unknown(self, schema_id: int) -> str:
        """Send one bid behind an id that nobody has published; returns its event id."""
        id_ = str(uuid.uuid4())
        body = self._serialize(self.bid(), SerializationContext(TOPIC, MessageField.VALUE))
        self._produce(id_, b"\0" + schema_id.to_bytes(4, "big") + body[5:])
        self._flush()
        return id_

    def _produce(self, id_: str, body: bytes) -> None:
        self._producer.produce(TOPIC, body, headers=[("event_id", id_.encode())])
        self._producer.poll(0)

    def _flush(self) -> None:
        left = self._producer.flush(30)
        if left:
            raise RuntimeError(f"{left} bids are not with the broker")

    def bid(self) -> dict[str, Any]:
        """As the auction house's contract wants them: numbers from 1000, prices even on a logarithmic scale."""
        chance = self._chance
        return {
            "auction": chance.randint(1000, 1100),
            "bidder": chance.randint(1000, 1100),
            "price": int(10 ** chance.uniform(2, 8)),
            "channel": chance.choice(["Google", "Apple", "Baidu"]),
            "url": "https://example.org/stock",
            "dateTime": int(time.time() * 1000),
            "extra": "",
            "currency": chance.choice(CURRENCIES),
        }
