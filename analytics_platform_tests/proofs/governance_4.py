"""Bids in a schema that nobody has published, in a live stream: they wait, the rest flows, and once it is approved they
are in silver, in their places, reconciled; nobody asks for it.

The id is the one that the registry will give next. Half of the bids are in it, half in the published version, in turns;
beside those of the auction house they are few, so that their batches keep the contract.
"""

import io
import json
import uuid
from typing import Any

import fastavro
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.governance_5 import BOARD, SUBJECT, voting_as
from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.lone_events import added_partition
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.stock_bids import StockBids
from analytics_platform_tests.proofs.watched_instance import await_true, published_bids, read
from analytics_platform_tests.stock import stock

BASE_PORT, RATE = 4950, "200"
BIDS, PER_SECOND = 400, 20.0
CURRENCY = {"name": "currency", "type": "string", "default": "USD", "doc": "ISO 4217.", "pii": "none"}
WAIT_SECONDS = 300.0
FACTS = 'event_id, partition, "offset"'


def prove(report: Report) -> None:
    """A fresh clone, the demo, and a producer that is ahead of the registry."""
    with cloned_instance(report, BASE_PORT) as instance:
        report.step(f"ap up, {RATE} events a second")
        instance.up("--rate", RATE, "--no-webserver")
        await_true(lambda: published_bids(instance) > 0, WAIT_SECONDS, "the first bids")
        _prove(report, instance)


def _prove(report: Report, instance: DrivenInstance) -> None:
    address = instance.registry_url()
    client = SchemaRegistryClient({"url": address})
    (instance.clone / "schemas" / "governance.yaml").write_text(BOARD)
    latest = client.get_latest_version(SUBJECT)
    schema = json.loads(str(latest.schema.schema_str))
    schema["fields"].append(CURRENCY)
    next_id = 1 + max(row["id"] for row in instance.told("schema", "list"))
    report.claim("the registration waits for its votes", holds="waits for approval" in _refusal(client, schema))
    report.step(f"{BIDS} bids, {PER_SECOND:.0f} a second, every other one in id {next_id}, which is nobody's yet")
    published, ahead = _send(instance, schema, int(latest.schema_id or 0), next_id, report.seed)
    took = await_true(
        lambda: _ids(instance, "silver") >= published.keys() and _ids(instance, "exceptions", next_id) >= ahead.keys(),
        WAIT_SECONDS,
        "every bid to be somewhere",
    )
    report.figure("seconds until each was somewhere", took)
    waiting = read(
        instance, "bids/exceptions", f"select {FACTS}, value from rows where reason = 'unknown schema {next_id}'"
    )
    report.claim("those ahead wait in exceptions with their bytes", holds=_bytes(waiting) == set(ahead.values()))
    report.claim("the rest is in silver", holds=_ids(instance, "silver") >= published.keys())
    report.claim("none of those ahead is", holds=not _ids(instance, "silver") & ahead.keys())
    report.step("two people approve it")
    report.claim("it gets the id that the bids are in", holds=_approved(instance)["id"] == next_id)
    took = await_true(lambda: _ids(instance, "silver") >= ahead.keys(), WAIT_SECONDS, "those that waited")
    report.figure("seconds until those that waited were in silver", took)
    _claim_places(report, instance, waiting, next_id)


def _refusal(client: SchemaRegistryClient, schema: Any) -> str:
    """What a client is told that registers the schema; "" if it is published."""
    try:
        client.register_schema(SUBJECT, Schema(json.dumps(schema), "AVRO"))
    except SchemaRegistryError as error:
        return str(error)
    return ""


def _approved(instance: DrivenInstance) -> Any:
    """Review, vote, publish; what was published."""
    instance.told("schema", "review", SUBJECT, "2")
    for name in ("ana", "ben"):
        voting_as(instance, name).told("schema", "approve", SUBJECT, "2")
    return instance.told("schema", "publish", SUBJECT, "2")


def _claim_places(report: Report, instance: DrivenInstance, waiting: list[tuple], id_: int) -> None:
    wanted = {row[1:3] for row in waiting}
    found = {(p, o) for _, p, o in read(instance, "bids/silver", f"select {FACTS} from rows where schema_id = {id_}")}
    report.claim("in the places that they had on the topic", holds=wanted <= found)
    left = _count(instance, "exceptions", f"reason = 'unknown schema {id_}'")
    report.claim("none waits any more", holds=left == 0)
    doubled = read(instance, "bids/silver", "select count(*) - count(distinct event_id) from rows")
    report.claim("none is there twice", holds=doubled == [(0,)])
    with instance.ledger() as ledger:
        orders = ledger.execute("select requested_by, state from rework where kind = 'redrive'").fetchall()
        bad = ledger.execute(
            "select count(*) from (select distinct on (stream, number) body from manifest"
            " order by stream, number, revision desc) m, jsonb_array_elements(body -> 'verdicts') v"
            " where v ->> 'check' = 'reconciled' and not (v ->> 'passed')::boolean"
        ).fetchone()
    report.figure("orders that the platform gave itself", orders)
    report.claim("the platform ordered it, nobody else", holds={who for who, _ in orders} == {"the registry"})
    report.claim("every batch is reconciled", holds=bad == (0,))


def _send(
    instance: DrivenInstance, schema: Any, known: int, ahead: int, seed: int
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The bids by event id: those in the published version, and those in the one to come."""
    broker = instance.kafka()
    partition, producer = added_partition(broker), Producer({**stock(broker), "enable.idempotence": True})
    bids = StockBids(broker, instance.registry_url(), seed)
    old = fastavro.parse_schema({**schema, "fields": schema["fields"][:-1]})
    new = fastavro.parse_schema(dict(schema))
    found: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})
    for number in range(BIDS):
        id_, is_ahead, out = str(uuid.uuid4()), number % 2, io.BytesIO()
        fastavro.schemaless_writer(out, new if is_ahead else old, bids.bid())
        body = b"\0" + (ahead if is_ahead else known).to_bytes(4, "big") + out.getvalue()
        producer.produce("bids", body, partition=partition, headers=[("event_id", id_.encode())])
        found[is_ahead][id_] = body
        pause(1 / PER_SECOND)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} bids are not with the broker")
    return found


def _ids(instance: DrivenInstance, layer: str, schema_id: int | None = None) -> set[str]:
    where = f" where reason = 'unknown schema {schema_id}'" if schema_id else ""
    return {row[0] for row in read(instance, f"bids/{layer}", f"select event_id from rows{where}")}


def _bytes(rows: list[tuple]) -> set[bytes]:
    return {bytes(row[3]) for row in rows}


def _count(instance: DrivenInstance, layer: str, condition: str) -> int:
    return int(read(instance, f"bids/{layer}", f"select count(*) from rows where {condition}")[0][0])
