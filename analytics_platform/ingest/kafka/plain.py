"""Reads topics record by record through KafkaConsumer: eight times the CPU, and every message format."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition, errors

from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.kafka.client import CONNECT_SECONDS
from analytics_platform.ingest.kafka.fetch import KafkaReader, Reading
from analytics_platform.ingest.records import CHUNK_BYTES, FIRST_MS, LAST_MS, RECORDS_SCHEMA

POLL_MS, POLL_RECORDS = 500, 10_000


class PlainReader(KafkaReader):
    """The RecordReader to fall back on, and the oracle for the other: nothing but kafka-python decodes the records."""

    def fetch(self, topic: str, ranges: Sequence[OffsetRange], chunk_bytes: int = CHUNK_BYTES) -> Iterator[pa.Table]:
        """The records of the ranges; see RecordReader."""
        reading = Reading(self._client, topic, ranges, self.patience_seconds)
        reading.confirm()
        consumer = self._consumer(chunk_bytes)
        try:
            assigned = {TopicPartition(topic, number): number for number in reading.positions}
            consumer.assign(list(assigned))
            for partition, number in assigned.items():
                consumer.seek(partition, reading.positions[number])
            yield from self._poll(consumer, topic, reading)
        finally:
            consumer.close(autocommit=False)
        reading.confirm()

    def _consumer(self, chunk_bytes: int) -> KafkaConsumer:
        try:
            return KafkaConsumer(
                bootstrap_servers=self._client.bootstrap,
                bootstrap_timeout_ms=int(CONNECT_SECONDS * 1000),
                auto_offset_reset="none",  # "earliest" jumps silently over lost offsets
                isolation_level="read_committed",
                enable_auto_commit=False,
                fetch_max_bytes=chunk_bytes,
            )
        except errors.KafkaError as error:
            raise self._client.translated(error) from error

    def _poll(self, consumer: KafkaConsumer, topic: str, reading: Reading) -> Iterator[pa.Table]:
        moved_at = time.monotonic()
        while reading.positions:
            before = dict(reading.positions)
            for partition, records in self._polled(consumer, reading).items():
                table = _table(partition.partition, records, reading.ends[partition.partition])
                if table.num_rows:
                    yield table
            for number in before:
                partition = TopicPartition(topic, number)
                reading.moved(number, consumer.position(partition))
                if number not in reading.positions:
                    consumer.pause(partition)
            if reading.positions != before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > self.patience_seconds:
                reading.explain(list(reading.positions))
                raise self._client.unreachable("no data")

    def _polled(self, consumer: KafkaConsumer, reading: Reading) -> dict[TopicPartition, list[Any]]:
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
            "broker_at": min(max(record.timestamp, FIRST_MS), LAST_MS) * 1000,
            "key": record.key,
            "value": record.value,
            "headers": [{"key": key, "value": value} for key, value in record.headers],
        }
        for record in records
        if record.offset < end
    ]
    return pa.Table.from_pylist(rows, RECORDS_SCHEMA)
