"""Dead letters on a real broker, read by a stock consumer: all that silver will not hold, at least once, in order."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg
import pytest
from confluent_kafka import Consumer, TopicPartition

from analytics_platform.catalog import catalog_of
from analytics_platform.dead_letters import Sender, send_dead_letters
from analytics_platform.definitions.dead_letters import dead_letter_sensors
from analytics_platform.errors import UnreachableError
from analytics_platform.ingest.kafka.admin import ensure_topics
from analytics_platform.ledger.rework import Kind
from analytics_platform.postgres import connect
from analytics_platform.product import Rule
from analytics_platform.settings import Settings, read_settings
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.pipeline.checked import CHECKED_ORDERS
from analytics_platform_tests.pipeline.ordered import discard, release, rework
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE, KilledError, kafka_with, lease, opened, order

BROKEN = FakeRecord(value=b"\xff\x00", key=b"k", headers=order(9).headers, at_ms=order(9).at_ms)
LOG = [order(1, amount=5), order(1, amount=5), order(2, amount=-1), BROKEN, order(1, amount=6)]
DEAD_OFFSETS = [2, 3, 4]  # a rule, a record that cannot be read, a conflict; the copy at 1 is none
SPAWN = multiprocessing.get_context("spawn")


class House:
    """The small pipeline with a topic for its dead letters."""

    def __init__(self, settings: Settings, topic: str, stream=ORDERS) -> None:
        self.settings, self.topic = settings, topic
        self.declared = catalog_of([replace(stream, dead_letters=topic), REVENUE])

    @contextmanager
    def parts(self, broker):
        with opened(
            self.settings.ledger_dsn, self.settings.table_dir, broker, pipeline=self.declared.pipelines["shop"]
        ) as p:
            yield p

    def send(self, reached: Callable[[], None] = lambda: None, **settings) -> int:
        with connect(self.settings.ledger_dsn, application="test") as ledger:
            chosen = replace(self.settings, **settings)
            return send_dead_letters(Sender(settings=chosen, declared=self.declared, ledger=ledger, reached=reached))

    def letters(self) -> list[dict]:
        """Everything on the topic, by partition and offset: the record's bytes, and its headers as texts."""
        consumer = Consumer({"bootstrap.servers": self.settings.kafka_bootstrap, "group.id": "stock"})
        try:
            found = []
            for partition in sorted(consumer.list_topics(self.topic, timeout=10).topics[self.topic].partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=10)
                consumer.assign([TopicPartition(self.topic, partition, low)])
                found += [
                    _read(message) for message in (consumer.consume(high - low, timeout=20) if high > low else [])
                ]
            return found
        finally:
            consumer.close()


def _read(message) -> dict:
    headers = {name.removeprefix("ap."): value and value.decode() for name, value in message.headers()}
    return {**headers, "key": message.key(), "value": message.value()}


@pytest.fixture
def house(ledger_dsn, tmp_path, kafka, topic):
    yield House(
        replace(read_settings(), ledger_dsn=ledger_dsn, table_dir=tmp_path, kafka_bootstrap=kafka.bootstrap), topic()
    )


def places(letters):
    return [(int(letter["partition"]), int(letter["offset"])) for letter in letters]


def test_a_stock_consumer_finds_every_row_that_silver_will_not_hold_with_its_bytes_and_why(house):
    with house.parts(kafka_with([LOG, [order(7, amount=-7)]])) as parts:
        lease(parts)
    assert house.send() == 4 and house.send() == 0
    rule, broken, conflict, other = house.letters()
    assert places([rule, broken, conflict, other]) == [(0, 2), (0, 3), (0, 4), (1, 0)]
    assert json.loads(rule["value"])["amount"] == -1 and rule["key"] == b"Graz"
    told = {name: rule[name] for name in ("stream", "topic", "batch", "outcome", "reason", "rule", "event-id")}
    assert told == {
        "stream": "orders",
        "topic": ORDERS.topic,
        "batch": "orders/1",
        "outcome": "quarantined",
        "reason": "rule amount_is_positive",
        "rule": "amount_is_positive",
        "event-id": "order-000002",
    }
    assert (broken["value"], broken["key"], broken["rule"]) == (BROKEN.value, BROKEN.key, None)
    assert (conflict["outcome"], conflict["event-id"]) == ("conflict", "order-000001")
    assert rule["id"].endswith(":0:2") and len({letter["id"] for letter in house.letters()}) == 4


def test_partitions_keep_their_order_on_a_topic_with_fewer(house):
    ensure_topics(house.settings.kafka_bootstrap, {house.topic: 1})
    with house.parts(kafka_with([[order(n, amount=-1) for n in range(50)], [order(99, amount=-1)] * 50])) as parts:
        lease(parts)
        parts.reader.kafka.append(ORDERS.topic, 1, [order(100, amount=-1)])
        lease(parts, "second")
    house.send()
    assert places(house.letters()) == [*((0, n) for n in range(50)), *((1, n) for n in range(51))]


def test_who_is_killed_before_the_ledger_knows_sends_again_under_the_same_ids(house):
    def killed() -> None:
        raise KilledError

    with house.parts(kafka_with([LOG, []])) as parts:
        lease(parts)
    with pytest.raises(KilledError):
        house.send(killed)
    assert house.send() == 3 and house.send() == 0
    first, again = house.letters()[:3], house.letters()[3:]
    assert [letter["id"] for letter in first] == [letter["id"] for letter in again]
    assert places(again) == [(0, offset) for offset in DEAD_OFFSETS]


def test_after_kill_9_nothing_is_missing(house):
    with house.parts(kafka_with([LOG, []])) as parts:
        lease(parts)
        child = SPAWN.Process(target=_die_sending, args=(house.settings, house.topic))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        parts.reader.kafka.append(ORDERS.topic, 0, [order(8, amount=-8)])
        lease(parts, "second")
    house.send()
    assert set(places(house.letters())) == {(0, offset) for offset in (*DEAD_OFFSETS, len(LOG))}


def _die_sending(settings: Settings, topic: str) -> None:
    House(settings, topic).send(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_broker_that_is_down_loses_none_and_keeps_no_lease_waiting(house):
    with house.parts(kafka_with([LOG, []])) as parts:
        lease(parts)
        with pytest.raises(UnreachableError):
            house.send(kafka_bootstrap="127.0.0.1:9")
        parts.reader.kafka.append(ORDERS.topic, 0, [order(8, amount=-8)])
        assert lease(parts, "second").manifests
    assert house.send() == 4


def test_one_sends_at_a_time(house):
    with house.parts(kafka_with([LOG, []])) as parts:
        lease(parts)
    others: list[int] = []
    assert house.send(lambda: others.append(house.send())) == 3 and others == [0]


def test_what_waits_for_a_decision_is_sent_by_what_becomes_of_it(house):
    house = House(house.settings, house.topic, CHECKED_ORDERS)
    with house.parts(kafka_with([[order(1), order(2, amount=-1), order(3, amount=-1)], []])) as parts:
        lease(parts)
        assert house.send() == 0  # it is held
        release(parts, 1)
        assert house.send() == 2
        discard(parts, 1)
        assert house.send() == 3
    letters = house.letters()
    assert [letter["outcome"] for letter in letters] == ["quarantined"] * 2 + ["discarded"] * 3
    assert letters[0]["id"] == letters[3]["id"]


def test_rows_that_are_in_silver_by_now_are_not_sent(house):
    with house.parts(kafka_with([LOG, []])) as parts:
        lease(parts)
    mended = replace(ORDERS, rules=(Rule(name="amount_is_known", holds="amount is not null"),))
    house = House(house.settings, house.topic, mended)
    with house.parts(parts.reader.kafka) as parts:
        rework(parts, Kind.RERUN, 1)
    assert house.send() == 2
    assert places(house.letters()) == [(0, 3), (0, 4)]


def test_dagster_sends_them_and_waits_for_a_broker_that_is_down(house, monkeypatch):
    with house.parts(kafka_with([LOG, []])) as parts:
        lease(parts)
    monkeypatch.setenv("AP_LEDGER_DSN", house.settings.ledger_dsn)
    monkeypatch.setenv("AP_TABLE_DIR", str(house.settings.table_dir))
    (sensor,) = dead_letter_sensors(house.declared)
    said = []
    for bootstrap in ("127.0.0.1:9", house.settings.kafka_bootstrap, house.settings.kafka_bootstrap):
        monkeypatch.setenv("AP_KAFKA_BOOTSTRAP", bootstrap)
        with dg.build_sensor_context() as context:
            skipped = sensor(context)
            assert isinstance(skipped, dg.SkipReason)
            said.append(skipped.skip_message or "")
    assert "127.0.0.1:9" in said[0] and said[1:] == ["3 rows sent", "nothing to send"]
    assert dead_letter_sensors(catalog_of([ORDERS, REVENUE])) == []
