"""What a script does: kafka-python, json (or fastavro), a pandas frame, a Parquet file; nothing is validated."""

import json

import pandas as pd
from kafka import KafkaConsumer, TopicPartition

from analytics_platform_tests.bench.sides.bodies import Row, decoder
from analytics_platform_tests.bench.sides.stage import Task, perform, task

ROWS_PER_FILE = 200_000


def main() -> None:
    """Read everything into frames, and write each as a file."""
    given = task()
    consumer = KafkaConsumer(
        bootstrap_servers=given.bootstrap, enable_auto_commit=False, group_id=None, **given.kafka_python
    )
    places = [TopicPartition(given.topic, number) for number in consumer.partitions_for_topic(given.topic) or ()]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    pd.DataFrame([{"a": 1}]).to_parquet(given.folder / "warm.parquet")  # what it imports when first used
    perform(given, lambda: _read(given, consumer))


def _read(given: Task, consumer: KafkaConsumer) -> int:
    decode = decoder(given.encoding, json.loads)
    rows: list[Row] = []
    done = 0
    while (left := given.events - done - len(rows)) > 0:
        for records in consumer.poll(10_000, max_records=min(10_000, left)).values():
            rows += [decode(record.value) for record in records]
        if len(rows) >= ROWS_PER_FILE:
            done += _write(given, rows, done)
    return done + (_write(given, rows, done) if rows else 0)


def _write(given: Task, rows: list[Row], done: int) -> int:
    frame = pd.DataFrame(rows)
    frame["dateTime"] = pd.to_datetime(frame["dateTime"])
    frame.to_parquet(given.folder / f"{done}.parquet")
    count = len(rows)
    rows.clear()
    return count


if __name__ == "__main__":
    main()
