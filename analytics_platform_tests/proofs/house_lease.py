"""One lease of a proof's own process on the small auction house; it kills itself (-9) at a failpoint if asked to.

python -m analytics_platform_tests.proofs.house_lease --dsn … --folder … --bootstrap … --suffix … [--kill point:hit]
"""

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from analytics_platform.facts import Failpoint
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Pipeline
from analytics_platform_tests.countdown import Countdown
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.pipeline.house import HOUSE, opened

BATCH_ROWS = 7  # so that an auction and its bids rarely share a cycle
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a house lives: its own topics, tables and ledger. `reader` is what the pipeline's parts ask for."""

    dsn: str
    folder: Path
    bootstrap: str
    suffix: str

    def topic(self, stream: str) -> str:
        """The topic of a stream, which no other house has."""
        return f"{stream}-{self.suffix}"

    def pipeline(self) -> Pipeline:
        """The house on its own topics, in small batches."""
        streams = [replace(s, topic=self.topic(s.name), batch_rows=BATCH_ROWS) for s in HOUSE.streams]
        return replace(HOUSE, streams=tuple(streams))

    def create(self) -> None:
        """Make the topics."""
        topics = [NewTopic(self.topic(s.name), num_partitions=2, replication_factor=1) for s in HOUSE.streams]
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for made in admin.create_topics(topics).values():
            made.result(WAIT_SECONDS)

    def append(self, stream: str, partition: int, records: list[FakeRecord]) -> None:
        """Produce records, and wait until the broker has them."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
        for record in records:
            producer.produce(self.topic(stream), record.value, partition=partition, headers=list(record.headers))
        left = producer.flush(WAIT_SECONDS)
        assert not left, f"{left} records are not with the broker"

    @contextmanager
    def parts(
        self, now: Callable[[], datetime] | None = None, reached: Callable[[Failpoint], None] = lambda _: None
    ) -> Generator[Parts]:
        """The pipeline's parts on the real broker."""
        with (
            KafkaReader(self.bootstrap) as reader,
            opened(
                self.dsn, self.folder, _Reading(reader), now=now, reached=reached, pipeline=self.pipeline()
            ) as parts,
        ):
            yield parts


@dataclass(frozen=True, slots=True)
class _Reading:
    """What `opened` takes for a broker."""

    kafka: KafkaReader

    def reader(self) -> KafkaReader:
        """The reader of the real one."""
        return self.kafka


def work(parts: Parts, run_id: str) -> None:
    """A lease that tells of each cycle, as Dagster's does."""
    hour = parts.now().replace(minute=0, second=0, microsecond=0)
    run_lease(parts, run_id, hour, lambda _: parts.reached(Failpoint.AFTER_EVENT))


def die_at(wanted: str) -> Callable[[Failpoint], None]:
    """Kill -9 this process at `point:hit`."""
    point, _, hit = wanted.partition(":")
    countdown = Countdown(int(hit or 0))

    def reached(found: Failpoint) -> None:
        if found == point and countdown.is_the_one():
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


@click.command()
@click.option("--dsn", required=True)
@click.option("--folder", required=True, type=click.Path(path_type=Path))
@click.option("--bootstrap", required=True)
@click.option("--suffix", required=True)
@click.option("--kill", default="", help="point:hit")
def main(dsn: str, folder: Path, bootstrap: str, suffix: str, kill: str) -> None:
    """Work until nothing is left, or until killed."""
    place = Place(dsn=dsn, folder=folder, bootstrap=bootstrap, suffix=suffix)
    with place.parts(reached=die_at(kill)) as parts:
        work(parts, f"lease {kill}")


if __name__ == "__main__":
    main()
