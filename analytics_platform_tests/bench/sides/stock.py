"""What a careful script does: confluent-kafka, orjson (or fastavro), Arrow with a schema, `write_deltalake`."""

import orjson  # ty: ignore[import-not-found]  # installed by the bench, never by us
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message
from deltalake import write_deltalake

from analytics_platform_tests.bench.sides.bodies import decoder
from analytics_platform_tests.bench.sides.consume import messages
from analytics_platform_tests.bench.sides.stage import Task, perform, task

ROWS_PER_COMMIT = 200_000
NUMBERS, TEXTS = ("auction", "bidder", "price"), ("channel", "url", "extra")


def main() -> None:
    """Read everything, and append each 200,000 rows to a Delta table."""
    given = task()
    perform(given, lambda: _read(given))


def _read(given: Task) -> int:
    waiting: list[Message] = []
    done = 0
    for found in messages(given):
        waiting += found
        if len(waiting) >= ROWS_PER_COMMIT:
            done += _commit(given, waiting)
            waiting = []
    return done + (_commit(given, waiting) if waiting else 0)


def _commit(given: Task, found: list[Message]) -> int:
    decode = decoder(given.encoding, orjson.loads)
    rows = [decode(message.value()) for message in found]
    times = pa.array([row["dateTime"] for row in rows])
    columns = {name: pa.array([row[name] for row in rows], pa.int64()) for name in NUMBERS}
    columns |= {name: pa.array([row[name] for row in rows], pa.string()) for name in TEXTS}
    columns["dateTime"] = pc.cast(times, pa.timestamp("us", "UTC"))
    columns["offset"] = pa.array([message.offset() for message in found], pa.int64())
    columns["partition"] = pa.array([message.partition() for message in found], pa.int32())
    write_deltalake(given.folder / "bids", pa.table(columns), mode="append")
    return len(rows)


if __name__ == "__main__":
    main()
