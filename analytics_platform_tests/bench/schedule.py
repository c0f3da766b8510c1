"""Which sides there are, on what each runs, and in which order. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A program of `sides/`, over one of the broker's listeners, on that share of the topic's records.

    Ours read a topic to its end. A slow side reads less: what is compared is the cost of one event. One that no figure
    needs runs `once`, however often the others do.
    """

    name: str
    program: str
    label: str
    is_tls: bool = False
    share: float = 1.0
    once: bool = False


SIDES = (
    Side(name="consume", program="consume", label="confluent-kafka, bare consume"),
    Side(name="consume_tls", program="consume", label="confluent-kafka, bare consume, TLS", is_tls=True, once=True),
    Side(name="landing", program="landing", label="ours, landing only"),
    Side(name="landing_tls", program="landing", label="ours, landing only, TLS", is_tls=True),
    Side(name="path", program="path", label="ours, the whole path"),
    Side(name="path_tls", program="path", label="ours, the whole path, TLS", is_tls=True, once=True),
    Side(name="stock", program="stock", label="confluent-kafka + orjson + write_deltalake", share=0.2),
    Side(name="naive", program="naive", label="kafka-python + json + pandas → Parquet", share=0.2),
)
BACKLOGS = (
    Side(name="small_backlog", program="path", label="ours, the whole path, small backlog"),
    Side(name="large_backlog", program="path", label="ours, the whole path, large backlog"),
)
SPARK = (
    Side(name="spark_parse", program="spark_parse", label="Spark Structured Streaming → Delta, parse only"),
    Side(name="spark_path", program="spark_path", label="Spark, with dedup and the same two aggregates"),
)
BY_NAME = {side.name: side for side in (*SIDES, *BACKLOGS, *SPARK)}


def in_turn(sides: Sequence[Side], repeats: int) -> Iterator[Side]:
    """All of them again and again, every second time backwards: what the machine does besides harms no side alone."""
    for turn in range(repeats):
        yield from (side for side in (sides if turn % 2 == 0 else sides[::-1]) if turn == 0 or not side.once)
