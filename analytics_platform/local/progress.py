"""How far an instance is: what came in, what readers see of it, runs and checks. Reads broker, ledger and Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import psycopg

from analytics_platform.errors import PlatformError
from analytics_platform.facts import OPEN_STATES, PartitionOffsets
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres.frozen import Frozen, frozen_now
from analytics_platform.ledger.postgres.pauses import Pause, pauses
from analytics_platform.local.dagster_processes import newest_heartbeat, recent_failures, run_counts
from analytics_platform.postgres import connect
from analytics_platform.product import Stream
from analytics_platform.security.cluster import Cluster

# What is planned, less what is not finished yet: the offset up to which every row has its outcome.
FINISHED = """
select f.topic_id::text, f.partition, coalesce(min(r.start_offset), f.next_offset)
  from frontier f
  left join (select batch_range.* from batch_range join batch using (stream, number) where batch.state = any(%s)) r
         on (r.stream, r.topic_id, r.partition) = (f.stream, f.topic_id, f.partition)
 group by f.stream, f.topic_id, f.partition, f.next_offset"""
NEWEST = """
select s.name, m.number, m.body -> 'newest_event_at', m.body -> 'verdicts'
  from unnest(%s::text[]) s (name)
 cross join lateral (select number, body from manifest
                      where stream = s.name order by number desc, revision desc limit 1) m"""

Finished = dict[tuple[str, int], int]  # by topic id and partition
Held = Mapping[str, int]
PUBLISHED_AT = "select published_at from publication order by number desc limit 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProgress:
    """One stream: offsets on the broker, offsets without outcome yet, newest published event, batches so far."""

    stream: str
    offsets: int
    lag: int
    newest_event_at: datetime | None = None
    batches: int = 0
    checks_passed: int = 0
    checks_failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """An instance at one moment; `unreachable` names what did not answer, and why."""

    at: datetime
    streams: tuple[StreamProgress, ...] = ()
    published_at: datetime | None = None
    runs: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[int, datetime | None] = (0, None)  # runs that failed in the last hour, and when the last one did
    heartbeat_at: datetime | None = None
    holds: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()
    frozen: tuple[Frozen, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)  # by stream, the first batch that somebody must decide about
    unreachable: Mapping[str, str] = field(default_factory=dict)

    @property
    def offsets(self) -> int:
        """Events on the broker, all streams."""
        return sum(stream.offsets for stream in self.streams)

    @property
    def lag(self) -> int:
        """Events whose outcome is not published yet."""
        return sum(stream.lag for stream in self.streams)

    @property
    def fresh_seconds(self) -> float | None:
        """Age of the newest published event of the stalest stream; None before the first."""
        newest = [stream.newest_event_at for stream in self.streams if stream.newest_event_at]
        return (self.at - min(newest)).total_seconds() if newest else None


@dataclass(slots=True)
class Observer:
    """Looks at an instance again and again over connections that it keeps; a lost one is made anew."""

    cluster: Cluster
    ledger_dsn: str
    dagster_dsn: str
    streams: Sequence[Stream]
    _reader: KafkaReader | None = None
    _connections: dict[str, psycopg.Connection] = field(default_factory=dict)

    def look(self) -> Progress:
        """The instance now; what does not answer is named in the result, never raised."""
        unreachable: dict[str, str] = {}
        offsets = self._try("broker", unreachable, self._offsets) or {}
        ledger = self._try("ledger", unreachable, self._ledger) or ({}, [], [], None, [], [], {})
        dagster = self._try("dagster", unreachable, self._dagster) or ({}, (0, None), None)
        finished, newest, holds, published_at, paused, frozen, held = ledger
        return Progress(
            at=datetime.now(UTC),
            streams=tuple(_stream(s, offsets.get(s.topic, []), finished, newest) for s in self.streams),
            published_at=published_at,
            runs=dagster[0],
            failures=dagster[1],
            heartbeat_at=dagster[2],
            holds=tuple(holds),
            pauses=tuple(paused),
            frozen=tuple(frozen),
            held=held,
            unreachable=unreachable,
        )

    def close(self) -> None:
        """Let go of every connection."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try(self, system: str, unreachable: dict[str, str], look: Any) -> Any:
        try:
            return look()
        except (PlatformError, psycopg.Error, OSError) as error:
            unreachable[system] = str(error).strip().splitlines()[0]
            self._drop(system)
            return None

    def _drop(self, system: str) -> None:
        if system == "broker" and self._reader is not None:
            self._reader.close()
            self._reader = None
        if system in self._connections:
            self._connections.pop(system).close()

    def _offsets(self) -> dict[str, list[PartitionOffsets]]:
        if not self.streams:
            return {}
        self._reader = self._reader or KafkaReader(self.cluster, patience_seconds=3)
        return self._reader.offsets([stream.topic for stream in self.streams])

    def _ledger(self) -> tuple[Finished, list[tuple], list[str], datetime | None, list[Pause], list[Frozen], Held]:
        connection = self._connection("ledger", self.ledger_dsn)
        rows = connection.execute(FINISHED, [list(OPEN_STATES)]).fetchall()
        finished = {(topic, partition): offset for topic, partition, offset in rows}
        newest = connection.execute(NEWEST, [[s.name for s in self.streams]]).fetchall()
        published = connection.execute(PUBLISHED_AT).fetchone()
        published_at = published[0] if published else None
        paused = pauses(connection, datetime.now(UTC))
        held = planning.held(connection, [s.name for s in self.streams])
        return finished, newest, planning.is_on_hold(connection), published_at, paused, frozen_now(connection), held

    def _dagster(self) -> tuple[dict[str, int], tuple[int, datetime | None], datetime | None]:
        connection = self._connection("dagster", self.dagster_dsn)
        return run_counts(connection), recent_failures(connection), newest_heartbeat(connection)

    def _connection(self, system: str, dsn: str) -> psycopg.Connection:
        if system not in self._connections:
            self._connections[system] = connect(dsn, application="ap status")
        return self._connections[system]


def _stream(
    stream: Stream,
    offsets: Sequence[PartitionOffsets],
    finished: Mapping[tuple[str, int], int],
    newest: Sequence[tuple],
) -> StreamProgress:
    """Put together what broker and ledger said of one stream. Pure."""
    lag = sum(p.stable_end - finished.get((str(p.topic_id), p.partition), p.first) for p in offsets)
    progress = StreamProgress(stream=stream.name, offsets=sum(p.stable_end for p in offsets), lag=lag)
    for name, number, event_at, verdicts in newest:
        if name == stream.name:
            times = [datetime.fromisoformat(at) for at in (event_at or {}).values()]
            return StreamProgress(
                stream=name,
                offsets=progress.offsets,
                lag=lag,
                newest_event_at=max(times, default=None),
                batches=number,
                checks_passed=sum(bool(verdict["passed"]) for verdict in verdicts or []),
                checks_failed=tuple(verdict["check"] for verdict in verdicts or [] if not verdict["passed"]),
            )
    return progress
