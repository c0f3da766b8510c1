"""The demo as privacy-1 runs it: a clone whose house sells canaries, a foreign producer, and another policy each round.

The foreign producer has a partition of its own, at first: nothing may lie in the clear anywhere else. The house, which
writes there too once the partition is declared, protects what it writes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import KafkaError, Message
from confluent_kafka import Producer as Client
from confluent_kafka.admin import AdminClient, NewPartitions

from analytics_platform_tests.proofs.canaries import Canaries, Producer, Sent, pools_of
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.watched_instance import await_true
from analytics_platform_tests.stock import Address, stock

TREATMENTS = ("tokenise", "mask", "drop", "encrypt")
KINDS = ("email", "name", "payment")
FIELDS: Mapping[str, Mapping[str, str]] = {  # by stream, the fields that hold a canary, and its kind
    "auctions": {"description": "payment", "extra": "name"},
    "bids": {"url": "email", "extra": "name"},
    "persons": {"name": "name", "emailAddress": "email", "creditCard": "payment", "extra": "name"},
}
ABOUT = {"auctions": "seller", "bids": "bidder", "persons": "id"}
NUMBERED = {"auctions": "id", "bids": "auction", "persons": "id"}
FOREIGN = {"auctions": 2, "bids": 4, "persons": 2}  # partition: one more than the house writes to
PER_ROUND, WAIT_SECONDS, ASK_SECONDS = 1000, 180.0, 20.0
POOLS = "analytics_platform/local/auction_house/pools.py"
RULES = {  # of persons, which must not speak of what is treated
    "holds=\"name <> ''\"": "holds=\"city <> 'Nowhere'\"",
    'holds="\\"emailAddress\\" like \'_%@_%\' or starts_with(\\"emailAddress\\", \'enc_\')"': 'holds="id > 0"',
}
DECIDED = """
    select coalesce(max(r.end_offset), 0) from batch_range r join batch b using (stream, number)
    where r.stream = %s and r.partition = %s and b.state in ('published', 'held', 'discarded')"""
HELD = "select stream || '/' || number from batch where state = 'held' order by 1"
Coordinate = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Records of the foreign producer, as the broker took them."""

    shapes: Mapping[Coordinate, str]

    def ends(self) -> dict[str, int]:
        """By stream, the offset after the last of them."""
        ends: dict[str, int] = {}
        for topic, _, offset in self.shapes:
            ends[topic] = max(ends.get(topic, 0), offset + 1)
        return ends


def prepare(clone: Path, canaries: Canaries) -> None:
    """Change the clone: what the house sells, who gets dead letters, which fields are personal, and the contracts."""
    with (clone / POOLS).open("a") as pools:
        pools.write(pools_of(canaries))
    for stream in FIELDS:
        _edit(clone / "analytics_platform" / "products" / f"{stream}.py", stream)
        folder = clone / "schemas" / stream
        subject = yaml.safe_load((folder / "subject.yaml").read_text())
        subject["subject"] = ABOUT[stream]
        subject["fields"] |= {name: {"pii": tag} for name, tag in FIELDS[stream].items()}
        (folder / "subject.yaml").write_text(yaml.safe_dump(subject))
        (folder / "contract.yml").write_text(yaml.safe_dump(_contract(stream)))


def set_policy(clone: Path, turn: int) -> dict[str, str]:
    """Each kind is treated in another way than the others, and in every round in another one than before."""
    treatments = {kind: TREATMENTS[(turn + place) % len(TREATMENTS)] for place, kind in enumerate(KINDS)}
    document = {"sealed_for_days": 30, "tags": {**treatments, "person": "keep", "address": "keep"}}
    (clone / "schemas" / "privacy.yaml").write_text(yaml.safe_dump(document))
    return treatments


def add_partitions(address: Address) -> None:
    """The foreign producer's own."""
    admin = AdminClient(stock(address))
    new = [NewPartitions(topic, partition + 1) for topic, partition in FOREIGN.items()]
    for made in admin.create_partitions(new).values():
        made.result(ASK_SECONDS)


def declare_partitions(clone: Path) -> None:
    """They are declared before the next start, which would refuse them; from then on the house writes there too."""
    for stream, partition in FOREIGN.items():
        declared = clone / "analytics_platform" / "products" / f"{stream}.py"
        text = declared.read_text()
        line = f"    partitions={partition},\n"
        if text.count(line) != 1:
            raise LookupError(f"{declared.name} declares other partitions")
        declared.write_text(text.replace(line, f"    partitions={partition + 1},\n"))


def produce_round(instance: DrivenInstance, canaries: Canaries, turn: int) -> Foreign:
    """All shapes, then what fails its whole batch; each is decided about before the next."""
    producer = producer_of(instance.clone, canaries, turn)
    found: dict[Coordinate, str] = {}
    for records in ({s: producer.records(s) for s in FIELDS}, {s: producer.failing(s) for s in FIELDS}):
        sent = Foreign(shapes=send(instance.kafka(), records, FOREIGN))
        _await_decided(instance, sent)
        found |= sent.shapes
    return Foreign(shapes=found)


def send(
    address: Address, records: Mapping[str, Sequence[Sent]], partitions: Mapping[str, int]
) -> dict[Coordinate, str]:
    """Where the broker put each, and its shape; by turns as they are, and packed. Both are by topic."""
    found: dict[Coordinate, str] = {}
    clients = [Client({**stock(address), "compression.type": packing, "linger.ms": 50}) for packing in ("none", "zstd")]
    for topic, some in records.items():
        for place, record in enumerate(some):

            def delivered(error: KafkaError | None, message: Message, shape: str = record.shape) -> None:
                if error is not None:
                    raise RuntimeError(f"{shape} is not with the broker: {error}")
                found[str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)] = shape

            headers = list(record.headers)
            clients[place % 2].produce(
                topic, record.value, record.key, partitions[topic], on_delivery=delivered, headers=headers
            )
    if left := sum(client.flush(ASK_SECONDS) for client in clients):
        raise RuntimeError(f"{left} records are not with the broker")
    return found


def held(instance: DrivenInstance) -> list[str]:
    """The batches that are."""
    with instance.ledger() as ledger:
        return [name for (name,) in ledger.execute(HELD).fetchall()]


def producer_of(clone: Path, canaries: Canaries, turn: int) -> Producer:
    """Who knows the schemas of that clone."""
    schemas = {name: json.loads((clone / f"schemas/{name}/value/1.avsc").read_text()) for name in ("auctions", "bids")}
    lock = yaml.safe_load((clone / "schemas" / "ids.lock").read_text())["schemas"]
    ids = {entry["subject"].removesuffix("-value"): entry["id"] for entry in lock if entry["version"] == 1}
    first = turn * PER_ROUND
    return Producer(canaries=canaries, first=first, at=datetime.now(UTC), schemas=schemas, ids=ids)


def _await_decided(instance: DrivenInstance, sent: Foreign) -> None:
    ends = sent.ends()

    def is_decided() -> bool:
        with instance.ledger() as ledger:
            rows = {stream: ledger.execute(DECIDED, [stream, FOREIGN[stream]]).fetchone() for stream in ends}
        return all(row is not None and row[0] >= ends[stream] for stream, row in rows.items())

    await_true(is_decided, WAIT_SECONDS, "all of the foreign producer's records to be decided about")


def _edit(path: Path, stream: str) -> None:
    text = path.read_text()
    changed = re.sub(r"(    partitions=\d+,\n)", rf'\1    dead_letters="{stream}.dead",\n', text)
    for was, becomes in RULES.items() if stream == "persons" else ():
        changed = changed.replace(was, becomes)
    wanted = ['.dead"', *(RULES.values() if stream == "persons" else ())]
    if not all(each in changed for each in wanted):
        raise RuntimeError(f"{path.name} does not look as it did")
    path.write_text(changed)


def _contract(stream: str) -> dict[str, Any]:
    check = {"invalid": {"name": "numbered from 1000", "valid_min": 1000}}
    return {"dataset": f"platform/main/{stream}", "columns": [{"name": NUMBERED[stream], "checks": [check]}]}
