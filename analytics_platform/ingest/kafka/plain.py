"""Reads record by record through KafkaConsumer: eight times the CPU, and every message format there ever was."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition, errors

from analytics_platform.ingest.kafka.client import CONNECT_SECONDS, Client
from analytics_platform.ingest.kafka.reading import Reading
from analytics_platform.ingest.records import FIRST_MS, LAST_MS, RECORDS_SCHEMA, Gap

POLL_MS, POLL_RECORDS = 500, 10_000


def one_by_one(client: Client, reading: Reading, chunk_bytes: int, gaps: Counter[Gap]) -> Iterator[pa.Table]:
    """The records of a reading that has not begun, as RecordReader says; gaps are what no record came for."""
    reading.confirm()
    gaps[Gap.UNEXPLAINED] += sum(reading.ends[number] - at for number, at in reading.positions.items())
    consumer = _consumer(client, chunk_bytes)
    try:
        assigned = {TopicPartition(reading.topic, number): number for number in reading.positions}
        consumer.assign(list(assigned))
        for partition, number in assigned.items():
            consumer.seek(partition, reading.positions[number])
        for table in _poll(consumer, reading):
            gaps[Gap.UNEXPLAINED] -= table.num_rows
            yield table
    finally:
        consumer.close(autocommit=False)
    reading.confirm()


def _consumer(client: Client, chunk_bytes: int) -> KafkaConsumer:
    try:
        return KafkaConsumer(
            **client.configuration,
            bootstrap_servers=client.bootstrap,
            bootstrap_timeout_ms=int(CONNECT_SECONDS * 1000),
            auto_offset_reset="none",  # "earliest" jumps silently over lost offsets
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_bytes=chunk_bytes,
        )
    except errors.KafkaError as error:
        raise client.translated(error) from error


def _poll(consumer: KafkaConsumer, reading: Reading) -> Iterator[pa.Table]:
    moved_at = time.monotonic()
    while reading.positions:
        before = dict(reading.positions)
        for partition, records in _polled(consumer, reading).items():
            table = _table(partition.partition, records, reading.ends[partition.partition])
            if table.num_rows:
                yield table
        for number in before:
            partition = TopicPartition(reading.topic, number)
            reading.moved(number, consumer.position(partition))
            if number not in reading.positions:
                consumer.pause(partition)
        if reading.positions != before:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > reading.patience_seconds:
            reading.give_up()


def _polled(consumer: KafkaConsumer, reading: Reading) -> dict[TopicPartition, list[Any]]:
    try:
        return consumer.poll(POLL_MS, max_records=POLL_RECORDS)
    except (errors.OffsetOutOfRangeError, errors.NoOffsetForPartitionError):
        reading.explain(list(reading.positions))
        return {}


def _table(partition: int, records: list[Any], end: int) -> pa.Table:
    rows = [
        {
            "partition": partition,
            "offset": record.offset,
            "broker_at": _time_ms(record.timestamp) * 1000,
            "key": record.key,
            "value": record.value,
            "headers": [{"key": key, "value": value} for key, value in record.headers],
        }
        for record in records
        if record.offset < end
    ]
    return pa.Table.from_pylist(rows, RECORDS_SCHEMA)


def _time_ms(timestamp: int | None) -> int:
    """Kafka's first message format has no time; Java's client shows it as -1, and so do we."""
    return -1 if timestamp is None else min(max(timestamp, FIRST_MS), LAST_MS)
