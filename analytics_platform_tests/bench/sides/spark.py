"""Spark Structured Streaming over the same topic, into Delta tables; the JVM is warm before the clock starts."""

import json
import os
from collections.abc import Callable
from typing import Any

import psutil
from pyspark.sql import DataFrame, SparkSession  # ty: ignore[import-not-found]  # fetched by `make bench-peers`
from pyspark.sql import functions as f  # ty: ignore[import-not-found]

from analytics_platform_tests.bench.sides.stage import AVRO_SCHEMA, PREFIX_BYTES, Task, perform, task

TYPES = {"long": "bigint", "string": "string"}
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.memory": "4g",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
}
Drain = Callable[[SparkSession, Task], int]


def run(drain: Drain) -> None:
    """Start the JVM, then drain the topic; CPU is that of this process and the JVM."""
    given = task()
    builder = SparkSession.builder.master("local[2]").config("spark.jars", os.environ["BENCH_SPARK_JARS"])
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.config("spark.local.dir", str(given.folder / "local")).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    perform(given, lambda: drain(session, given), _cpu_of_all)
    session.stop()


def parsed(session: SparkSession, given: Task) -> DataFrame:
    """The topic as a stream of typed rows, with the id from its header; from the first record to what is there now."""
    fields = json.loads(AVRO_SCHEMA.read_text())["fields"]
    typed = ", ".join(f"{one['name']} {TYPES.get(str(one['type']), 'timestamp')}" for one in fields)
    records = (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", given.bootstrap)
        .option("subscribe", given.topic)
        .option("startingOffsets", "earliest")
        .option("includeHeaders", "true")
        .option("maxOffsetsPerTrigger", "1000000")
        .load()
    )
    body = f.expr(f"substring(value, {PREFIX_BYTES + 1})").cast("string")
    event_id = f.expr("filter(headers, h -> h.key = 'event_id')[0].value").cast("string")
    rows = records.select(f.from_json(body, typed).alias("row"), event_id.alias("event_id"), "partition", "offset")
    return rows.select("row.*", "event_id", "partition", "offset")


def written(rows: DataFrame, given: Task, name: str, mode: str = "append") -> Any:
    """Start writing a stream into a table of that name; it ends when all that is there is read."""
    return (
        rows.writeStream.format("delta")
        .outputMode(mode)
        .option("checkpointLocation", str(given.folder / f"{name}.checkpoint"))
        .trigger(availableNow=True)
        .start(str(given.folder / name))
    )


def finished(query: Any) -> int:
    """Wait for its end; how many rows it has read."""
    query.awaitTermination()
    return sum(progress["numInputRows"] for progress in query.recentProgress)


def _cpu_of_all() -> float:
    us = psutil.Process()
    return sum(sum(one.cpu_times()[:2]) for one in (us, *us.children(recursive=True)))
