"""Spark, parse only: typed rows appended to a Delta table; nothing is validated."""

from pyspark.sql import SparkSession  # ty: ignore[import-not-found]

from analytics_platform_tests.bench.sides.spark import finished, parsed, run, written
from analytics_platform_tests.bench.sides.stage import Task


def drain(session: SparkSession, given: Task) -> int:
    """Append everything."""
    return finished(written(parsed(session, given), given, "bids"))


if __name__ == "__main__":
    run(drain)
