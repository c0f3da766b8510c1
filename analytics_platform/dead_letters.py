"""Dead letters: rows that silver will not hold, sent to the topic that their stream declares for its producers.

A projection of the published exceptions, and of nothing else. The ledger remembers how far a topic has heard once the
broker has acknowledged it, so that a kill in between sends some rows again: at least once, under the same `id`.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa

from analytics_platform.errors import TopicMissingError
from analytics_platform.facts import Outcome
from analytics_platform.ingest.dead_letter import blocks_of
from analytics_platform.ingest.kafka.admin import ensure_topics
from analytics_platform.ingest.kafka.produce import BulkProducer
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import dead_letters as store
from analytics_platform.ledger.postgres.dead_letters import Judgement
from analytics_platform.product import Catalog, Stream
from analytics_platform.published import read_table
from analytics_platform.security.cluster import Cluster, cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import Settings

log = logging.getLogger(__name__)
# What nobody waits for. The event of a duplicate is published; of a held row somebody has to decide first.
DEAD = (Outcome.QUARANTINED, Outcome.CONFLICT, Outcome.BEYOND_HORIZON, Outcome.DISCARDED)
MOST_MANIFESTS, MOST_ROWS = 1_000, 20_000  # at once; a batch is never cut
PATIENCE_SECONDS, AT_MOST_SECONDS = 5.0, 20.0  # of one go: a sensor's tick has a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What sending takes. `reached` is called when the broker has acknowledged what the ledger does not know yet."""

    settings: Settings
    declared: Catalog
    ledger: psycopg.Connection
    reached: Callable[[], None] = lambda: None


def send_dead_letters(sender: Sender) -> int:
    """Send what is new, for some seconds at most; returns how many rows. Does nothing while somebody else sends.

    Raises UnreachableError, KafkaDeniedError, ProduceRefusedError; what was not acknowledged is sent next time.
    """
    wanted = [stream for stream in sender.declared.streams.values() if stream.dead_letters]
    if not wanted or not store.try_lock(sender.ledger):
        return 0
    until, rows = time.monotonic() + AT_MOST_SECONDS, 0
    for stream in wanted:
        while time.monotonic() < until and (found := _unsent(stream, sender)):
            rows += _send(stream, _portion(found), sender)
    return rows


def _unsent(stream: Stream, sender: Sender) -> list[Judgement]:
    return store.unsent(sender.ledger, stream.name, stream.dead_letters or "", DEAD, MOST_MANIFESTS)


def _portion(found: Sequence[Judgement]) -> list[Judgement]:
    """The first of them, one at least, that together are no more rows than are sent at once."""
    portion: list[Judgement] = []
    for judgement in found:
        if portion and sum(taken.rows for taken in portion) + judgement.rows > MOST_ROWS:
            break
        portion.append(judgement)
    return portion


def _send(stream: Stream, portion: Sequence[Judgement], sender: Sender) -> int:
    topic = stream.dead_letters or ""
    rows = _rows(stream, [judgement for judgement in portion if judgement.rows], sender)
    if rows.num_rows:
        with BulkProducer(_cluster(sender.settings), patience_seconds=PATIENCE_SECONDS) as producer:
            partitions = _partitions(stream, topic, producer, sender.settings)
            about = {"stream": stream.name, "topic": stream.topic}
            blocks = blocks_of(rows, about, time.time_ns() // 1_000_000, partitions)
            producer.send({(topic, partition): found for partition, found in blocks.items()})
        log.info("dead_letters.sent", extra={"stream": stream.name, "topic": topic, "rows": rows.num_rows})
    sender.reached()
    store.sent(sender.ledger, stream.name, topic, portion[-1].place)
    return rows.num_rows


def _rows(stream: Stream, judgements: Sequence[Judgement], sender: Sender) -> pa.Table:
    """The rows of those batches that are dead letters by now, each with the id of the topic that it was read from."""
    if not judgements:
        return pa.table({})
    numbers = ", ".join(str(judgement.number) for judgement in judgements)
    outcomes = ", ".join(f"'{outcome}'" for outcome in DEAD)
    exceptions = read_table(sender.settings, sender.declared, f"{stream.name}/{Layer.EXCEPTIONS}")
    some = exceptions.filter(f"batch in ({numbers}) and outcome in ({outcomes})").order('partition, batch, "offset"')
    rows = some.to_arrow_table()
    topics = {judgement.number: judgement.topic_id for judgement in judgements}
    return rows.append_column("topic_id", pa.array([topics[n] for n in rows["batch"].to_pylist()], pa.string()))


def _partitions(stream: Stream, topic: str, producer: BulkProducer, settings: Settings) -> int:
    """How many the topic has; where it is missing it is created with as many as the stream's own."""
    try:
        return len(producer.ends([topic]))
    except TopicMissingError:
        ensure_topics(_cluster(settings), {topic: stream.partitions})
        return stream.partitions


def _cluster(settings: Settings) -> Cluster:
    return cluster_of(settings, PartName.DEAD_LETTERS)
