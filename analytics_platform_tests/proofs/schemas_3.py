"""A new version of bids while 2,000 events a second stream: nothing restarts, no row is lost, the column appears."""

import json
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from analytics_platform_tests.proofs import own_topic
from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.stock_bids import StockBids
from analytics_platform_tests.proofs.watched_instance import await_true, published_bids, read

BASE_PORT, RATE = 4800, "2000"
SUBJECT = "bids-value"
CURRENCY = {"name": "currency", "type": "string", "default": "USD", "doc": "ISO 4217: in which the price is."}
BEFORE, SENT, PER_SECOND = 10_000, 1_000, 50.0
UNKNOWN = 999
WAIT_SECONDS = 180.0
SHOWN = """
select count(*) from event_logs where asset_key = '["bids", "silver"]' and dagster_event_type = 'ASSET_MATERIALIZATION'
 and event like '%"currency"%' and event like '%column_lineage%'"""
FAILED = "select count(*) from runs where status = 'FAILURE'"


def prove(report: Report) -> None:
    """A fresh clone, a stream at full pace, and a producer of the new version beside it."""
    with cloned_instance(report, BASE_PORT) as instance:
        report.step(f"ap up, {RATE} events a second")
        instance.up("--rate", RATE, "--no-webserver")
        took = await_true(lambda: published_bids(instance) > BEFORE, WAIT_SECONDS, "the first bids")
        report.figure("seconds until bids are published", took)
        _evolve(report, instance)
        _break(report, instance)


def _evolve(report: Report, instance: DrivenInstance) -> None:
    address = instance.registry_url()
    client, pids = SchemaRegistryClient({"url": address}), instance.pids()
    seen = [v.schema_id for v in [client.get_latest_version(SUBJECT)]]
    fields = json.loads(str(client.get_latest_version(SUBJECT).schema.schema_str))
    fields["fields"].append(CURRENCY)
    report.step("a stock client registers version 2, and a stock producer writes in it at once")
    began = time.monotonic()
    registered = client.register_schema_full_response(SUBJECT, Schema(json.dumps(fields), "AVRO"))
    report.figure("milliseconds to publish", round((time.monotonic() - began) * 1000))
    report.claim("it is version 2, with a new id", holds=registered.version == 2 and registered.schema_id not in seen)
    bids = StockBids(instance.kafka(), address, report.seed)
    bids.send(SENT, PER_SECOND)
    stranger = bids.send_unknown(UNKNOWN)
    took = await_true(lambda: _found(instance, bids) >= SENT, WAIT_SECONDS, "every bid of version 2")
    report.figure("seconds until the last bid of version 2 was published", took)
    _claim_rows(report, instance, bids, stranger, seen[0])
    report.claim("no process that reads was started anew", holds=_reading(instance.pids()) == _reading(pids))
    _claim_shown(report, instance)
    log = own_topic.git(instance.clone, "log", "--format=%s", "-n", "1").strip()
    report.claim(
        "it is a commit", holds=log == f"schemas: {SUBJECT} version 2 is published (id {registered.schema_id})"
    )


def _reading(pids: Mapping[str, int]) -> dict[str, int]:
    """All but the auction house: it ends when anybody else writes to its topics, as the proof does, and comes back."""
    return {name: pid for name, pid in pids.items() if name != "producer"}


def _claim_rows(report: Report, instance: DrivenInstance, bids: StockBids, stranger: str, old: int) -> None:
    rows = read(instance, "bids/silver", f"select event_id, price, currency from rows where schema_id <> {old}")
    wanted = {id_: (bid["price"], bid["currency"]) for id_, bid in bids.sent.items()}
    report.claim("each bid of version 2 is in silver once, as it was sent", holds=_as_sent(rows, wanted))
    altered = [
        (id_, price + 1, currency) if n == 7 else (id_, price, currency)
        for n, (id_, price, currency) in enumerate(rows)
    ]
    report.claim("a planted fault, one cent in one bid, is found", holds=not _as_sent(altered, wanted))
    query = f"select coalesce(currency, 'none'), count(*) from rows where schema_id = {old} group by all"
    counts = dict(read(instance, "bids/silver", query))
    report.figure("rows written in version 1, by currency", counts)
    report.claim("rows of version 1 are readable: none before, the default after", holds=set(counts) == {"none", "USD"})
    outcome = read(
        instance, "bids/exceptions", f"select reason from rows where event_id = '{stranger}' or schema_id = {UNKNOWN}"
    )
    reasons = read(instance, "bids/exceptions", f"select count(*) from rows where reason = 'unknown schema {UNKNOWN}'")
    report.figure("what became of a bid in an id that nobody published", [*outcome, *reasons])
    report.claim(
        "what is not published is not read: the version is what made the others readable", holds=reasons[0][0] == 1
    )
    _claim_reconciled(report, instance)


def _as_sent(rows: list[tuple], wanted: dict[str, tuple[int, str]]) -> bool:
    found = {id_: (price, currency) for id_, price, currency in rows}
    return len(rows) == len(found) and found == wanted


def _claim_reconciled(report: Report, instance: DrivenInstance) -> None:
    """Bronze has every offset up to its newest, and every landed row has one outcome."""
    query = 'select partition, min("offset"), max("offset"), count(distinct "offset"), count(*) from rows group by 1'
    spans = read(instance, "bids/bronze", query)
    whole = all(first == 0 and last + 1 == distinct == rows for _, first, last, distinct, rows in spans)
    report.figure("offsets of bids in bronze", sum(rows for *_, rows in spans))
    report.claim("no offset is missing or doubled in bronze", holds=whole and len(spans) == 4)
    with instance.ledger() as ledger:
        bad = ledger.execute(
            "select count(*) from manifest m, jsonb_array_elements(body -> 'verdicts') v"
            " where v ->> 'check' in ('reconciled', 'unique_id') and not (v ->> 'passed')::boolean"
        ).fetchone()
    report.claim("every batch is reconciled, no event is published twice", holds=bad == (0,))
    with instance.dagster() as dagster:
        report.claim("no run failed", holds=dagster.execute(FAILED).fetchone() == (0,))


def _claim_shown(report: Report, instance: DrivenInstance) -> None:
    def shown() -> bool:
        with instance.dagster() as dagster:
            row = dagster.execute(SHOWN).fetchone()
        return bool(row and row[0])

    await_true(shown, WAIT_SECONDS, "the column in Dagster")
    report.claim("Dagster shows the column and where it comes from", holds=shown())
    traced = instance.ap("lineage", "bids.currency").stdout
    report.figure("ap lineage bids.currency", traced.strip())
    report.claim("ap lineage leads to the topic's field", holds="topic" in traced and "currency" in traced)
    asked = instance.ap(
        "sql", "select currency, count(*) n from bids where currency <> 'USD' group by 1", "--json"
    ).stdout
    report.claim("SQL reaches it", holds={row["currency"] for row in json.loads(asked)} == {"EUR", "GBP"})


def _break(report: Report, instance: DrivenInstance) -> None:
    report.step("a version that breaks readers")
    client = SchemaRegistryClient({"url": instance.registry_url()})
    fields: dict[str, Any] = json.loads(str(client.get_latest_version(SUBJECT).schema.schema_str))
    price = next(field for field in fields["fields"] if field["name"] == "price")
    price["type"] = "string"
    said, code = "", 0
    try:
        client.register_schema(SUBJECT, Schema(json.dumps(fields), "AVRO"))
    except SchemaRegistryError as error:
        said, code = error.error_message, error.error_code
    report.figure("what the producer is told", said)
    report.claim("it is refused", holds=code == 40901)
    told = ("price", "long", "string", "version 2", "hurts")
    report.claim(
        "the message names the field, both types, the version and who is hurt", holds=all(t in said for t in told)
    )
    report.claim("nothing of it is published", holds=client.get_versions(SUBJECT) == [1, 2])
    before = published_bids(instance)
    await_true(lambda: published_bids(instance) > before, WAIT_SECONDS, "more bids")
    report.claim("the stream goes on", holds=True)


def _found(instance: DrivenInstance, bids: StockBids) -> int:
    try:
        rows = read(
            instance, "bids/silver", "select event_id from rows where currency is not null and url like '%stock'"
        )
    except Exception as error:  # the column is not there yet
        if "currency" not in str(error):
            raise
        return 0
    return len({row[0] for row in rows} & bids.sent.keys())
