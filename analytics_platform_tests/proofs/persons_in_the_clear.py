"""Persons from a producer that knows nothing of protection: a stock client, JSON in the clear."""

import json
import time
import uuid
from typing import Any

from confluent_kafka import Producer

from analytics_platform_tests.stock import Address, stock

TOPIC = "persons"


def person(id_: int, name: str, **changed: Any) -> dict[str, Any]:
    """One whom the contract has nothing against."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000Z"
    about = {"id": id_, "name": name, "emailAddress": f"{name.replace(' ', '.')}@example.org"}
    place = {"creditCard": "4000 1234 5678 9010", "city": "Boise", "state": "ID"}
    return {**about, **place, "dateTime": at, "extra": "", **changed}


class ForeignPersons:
    """A producer of persons behind the ids of their schemas."""

    def __init__(self, bootstrap: Address) -> None:
        self._producer = Producer({**stock(bootstrap), "enable.idempotence": True})

    def send(self, schema_id: int, about: dict[str, Any]) -> str:
        """Send one; returns its event id."""
        id_ = str(uuid.uuid4())
        body = b"\0" + schema_id.to_bytes(4, "big") + json.dumps(about).encode()
        self._producer.produce(TOPIC, body, key=str(about["id"]).encode(), headers=[("event_id", id_.encode())])
        if left := self._producer.flush(30):
            raise RuntimeError(f"{left} persons are not with the broker")
        return id_
