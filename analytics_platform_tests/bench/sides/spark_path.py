"""Spark with deduplication within its horizon, and the same two window aggregates over what is left."""

from pyspark.sql import SparkSession  # ty: ignore[import-not-found]
from pyspark.sql import functions as f  # ty: ignore[import-not-found]

from analytics_platform_tests.bench.sides.spark import finished, parsed, run, written
from analytics_platform_tests.bench.sides.stage import Task

HORIZON = "7 days"
LATENESS = "1 hour"


def drain(session: SparkSession, given: Task) -> int:
    """Distinct bids into one table, then both aggregates from it: a minute's highest bid, and revenue by channel."""
    rows = parsed(session, given).withWatermark("dateTime", HORIZON).dropDuplicatesWithinWatermark(["event_id"])
    read = finished(written(rows, given, "bids"))
    bids = session.readStream.format("delta").load(str(given.folder / "bids")).withWatermark("dateTime", LATENESS)
    minute = f.window("dateTime", "1 minute").alias("minute")
    best = f.max_by(f.struct("price", "auction", "bidder", "channel", "event_id"), "price").alias("best")
    highest = bids.groupBy(minute).agg(best)
    revenue = bids.groupBy(minute, "channel").agg(f.count("*").alias("bids"), f.sum("price").alias("revenue"))
    queries = [written(rows, given, name) for name, rows in (("highest", highest), ("revenue", revenue))]
    for query in queries:
        finished(query)
    return read


if __name__ == "__main__":
    run(drain)
