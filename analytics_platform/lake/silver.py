"""Which row becomes what: one outcome each. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import Outcome

NEVER = np.iinfo(np.int64).min
IN_THE_FUTURE = "event time in the future"
BEFORE_1970 = "event time before 1970"
OUTCOMES = (
    Outcome.PUBLISHED,
    Outcome.DUPLICATE,
    Outcome.CONFLICT,
    Outcome.QUARANTINED,
    Outcome.BEYOND_HORIZON,
    Outcome.HELD,
    Outcome.DISCARDED,
)
REASONS = {
    Outcome.DUPLICATE: "copy of an event that is published",
    Outcome.CONFLICT: "id of an event that is published with another payload",
}
CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}

WINNER_COLUMNS = pa.schema(
    [
        pa.field("event_id", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("payload_hash", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """`horizon`: how far a row may lie behind the newest event of its partition. `latest`: the last time that is taken.

    One event from the year 2099 would push all that follow it beyond the horizon. Record timestamps cannot be asked,
    the producer sets them too; when the batch was planned is a fact of the ledger.
    """

    horizon: timedelta
    latest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why no row of a batch may be published: it is held, or it was discarded."""

    outcome: Outcome
    reason: str


NO_STOPS: Mapping[int, Stop] = {}


@dataclass(frozen=True, slots=True)
class Decision:
    """One outcome for each row, in the order of the rows.

    `outcome` holds codes into OUTCOMES, uint8, shape (n,); `reason` is null for published rows. `late_micros` is how
    far each lies behind the newest event before it in its partition, null where its time is not known.
    `newest_event_at` is the highest event time by partition after the last row, `newest_by_batch` after each batch.
    """

    outcome: np.ndarray
    reason: pa.Array
    winner_partition: pa.Array
    winner_offset: pa.Array
    late_micros: pa.Array
    newest_event_at: Mapping[int, datetime]
    newest_by_batch: Mapping[int, Mapping[int, datetime]]

    def rows(self, outcome: Outcome) -> np.ndarray:
        """A mask of the rows with that outcome."""
        return self.outcome == CODE[outcome]

    def outcome_names(self) -> pa.Array:
        """Each row's outcome, spelt out."""
        return pa.array([str(outcome) for outcome in OUTCOMES]).take(pa.array(self.outcome))

    def counts(self, rows: slice = slice(None)) -> dict[Outcome, int]:
        """How many of those rows have each outcome; outcomes without rows are left out."""
        counts = np.bincount(self.outcome[rows], minlength=len(OUTCOMES)).tolist()
        return {outcome: count for outcome, count in zip(OUTCOMES, counts, strict=True) if count}


def decide(
    rows: pa.Table,
    winners: pa.Table,
    newest_before: Mapping[int, datetime],
    limits: TimeLimits,
    stopped: Mapping[int, Stop] = NO_STOPS,
) -> Decision:
    """Give each row its outcome: none is published of the batches `stopped`, nor of times that `limits` refuse.

    `rows`, of batches that follow one another, are ordered by batch, partition and offset; `reason` is null where one
    passed its rules. `winners` (WINNER_COLUMNS) are copies published before, `newest_before` the newest times.
    """
    events = _micros(rows["event_at"])
    reason, passed = _reasons(rows, events, limits.latest)
    timed = _is_timed(rows, events, limits)
    newest, newest_by_batch = _newest_earlier(rows, np.where(timed, events, NEVER), newest_before)
    late = np.where(newest == NEVER, 0, np.maximum(newest - events, 0))
    outcome = np.where(passed, CODE[Outcome.PUBLISHED], CODE[Outcome.QUARANTINED]).astype(np.uint8)
    outcome[passed & (late > _us(limits.horizon))] = CODE[Outcome.BEYOND_HORIZON]
    reason = _stop(outcome, reason, rows["batch"], stopped)
    partitions, offsets = _let_first_win(outcome, rows, winners)
    return Decision(
        outcome=outcome,
        reason=_explain(reason, outcome, limits.horizon),
        winner_partition=partitions,
        winner_offset=offsets,
        late_micros=pa.array(late, mask=~timed),
        newest_event_at=next(reversed(newest_by_batch.values()), dict(newest_before)),
        newest_by_batch=newest_by_batch,
    )


def count_distinct(ids: pa.ChunkedArray) -> int:
    """How many different ids there are; cheap where they are sorted, as in silver."""
    column = ids.combine_chunks()
    before, after = column[:-1], column[1:]
    if column.null_count or pc.any(pc.less(after, before)).as_py():
        return pc.count_distinct(column).as_py()
    return len(column[:1]) + int(pc.sum(pc.not_equal(before, after)).as_py() or 0)


TWIN = ["partition", "offset", "payload_hash"]


def _reasons(rows: pa.Table, events: np.ndarray, latest: datetime) -> tuple[pa.Array, np.ndarray]:
    """Why a row fails on its own account, and a mask of those that do not."""
    reason = rows["reason"].combine_chunks().cast(pa.string())
    ahead = events > _to_micros(latest)
    reason = pc.if_else(pc.and_(pc.is_null(reason), pa.array(ahead)), IN_THE_FUTURE, reason)
    reason = pc.if_else(pc.and_(pc.is_null(reason), pa.array(events < 0)), BEFORE_1970, reason)
    return reason, np.asarray(pc.is_null(reason))


def _is_timed(rows: pa.Table, events: np.ndarray, limits: TimeLimits) -> np.ndarray:
    """A mask of the rows whose event time counts."""
    return np.asarray(pc.is_valid(rows["event_at"])) & (events >= 0) & (events <= _to_micros(limits.latest))


def _let_first_win(outcome: np.ndarray, rows: pa.Table, winners: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Among the rows published so far, give copies their outcome; returns each one's winner: partition and offset."""
    winner = _winner_rows(rows["event_id"], winners["event_id"], outcome == CODE[Outcome.PUBLISHED])
    everyone = pa.concat_tables([winners.select(TWIN), rows.select(TWIN)], promote_options="permissive")
    lost = winner >= 0
    outcome[lost] = _lost_to(_ints(everyone["payload_hash"]), len(winners), winner, lost)
    taken = everyone.take(pa.array(winner, mask=~lost))
    return taken["partition"].combine_chunks(), taken["offset"].combine_chunks()


def _stop(outcome: np.ndarray, reason: pa.Array, batch: pa.ChunkedArray, stopped: Mapping[int, Stop]) -> pa.Array:
    """Give every row of the stopped batches their outcome; returns the reasons with theirs."""
    for number, stop in stopped.items():
        rows = _ints(batch) == number
        outcome[rows] = CODE[stop.outcome]
        reason = pc.if_else(pa.array(rows), stop.reason, reason)
    return reason


def _newest_earlier(
    rows: pa.Table, events: np.ndarray, before: Mapping[int, datetime]
) -> tuple[np.ndarray, dict[int, dict[int, datetime]]]:
    """Per row the highest event time at earlier offsets of its partition; and by batch and partition, after each batch.

    `events` is NEVER where a row's time does not count. Rows that break a rule count too: what is late must not change
    when a rule does.
    """
    partitions, batches = _ints(rows["partition"]), _ints(rows["batch"])
    newest = np.full(len(events), NEVER, np.int64)
    news: dict[int, dict[int, datetime]] = {number: {} for number in np.unique(batches).tolist()}
    for partition in np.unique(partitions).tolist():
        places = np.flatnonzero(partitions == partition)
        known = _to_micros(before[partition]) if partition in before else NEVER
        running = np.maximum.accumulate(np.concatenate([[known], events[places]]))
        newest[places] = running[:-1]
        ends = np.append(np.flatnonzero(np.diff(batches[places])), len(places) - 1)  # the last row of each batch
        for number, at in zip(batches[places][ends].tolist(), running[1:][ends].tolist(), strict=True):
            if at != NEVER:
                news[number][partition] = _to_datetime(at)
    return newest, _carried(before, news)


def _carried(
    before: Mapping[int, datetime], news: Mapping[int, Mapping[int, datetime]]
) -> dict[int, dict[int, datetime]]:
    """What is known after each batch: its news over what was known before it."""
    found, known = {}, dict(before)
    for number, of_batch in news.items():
        found[number] = known = {**known, **of_batch}
    return found


def _winner_rows(ids: pa.ChunkedArray, winner_ids: pa.ChunkedArray, candidates: np.ndarray) -> np.ndarray:
    """The row number of each candidate's winner in winners + rows; -1 where it wins itself or is no candidate."""
    winner = np.full(len(ids), -1, np.int64)
    places = np.flatnonzero(candidates)
    encoded = ids.combine_chunks().take(pa.array(places)).dictionary_encode()
    codes = np.asarray(encoded.indices)
    first = np.full(len(encoded.dictionary), len(ids), np.int64)
    np.minimum.at(first, codes, places)  # the earliest copy in this batch
    published = pc.index_in(encoded.dictionary, value_set=winner_ids.combine_chunks())
    earlier = np.asarray(pc.fill_null(published, -1)).astype(np.int64)
    best = np.where(earlier >= 0, earlier, len(winner_ids) + first)
    own = len(winner_ids) + places
    winner[places] = np.where(best[codes] == own, -1, best[codes])
    return winner


def _lost_to(payloads: np.ndarray, before: int, winner: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The outcome of each row that lost: a copy of its winner's payload, or in conflict with it.

    `payloads` are those of `before` earlier winners, then of the batch.
    """
    is_copy = payloads[winner[lost]] == payloads[before:][lost]
    return np.where(is_copy, CODE[Outcome.DUPLICATE], CODE[Outcome.CONFLICT]).astype(np.uint8)


def _explain(reason: pa.Array, outcome: np.ndarray, horizon: timedelta) -> pa.Array:
    beyond = f"more than {horizon} behind the newest event of its partition"
    for kind, text in {**REASONS, Outcome.BEYOND_HORIZON: beyond}.items():
        reason = pc.if_else(pa.array(outcome == CODE[kind]), text, reason)
    return reason


def _ints(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.combine_chunks(), 0))


def _micros(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.combine_chunks().cast(pa.int64()), 0))


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _to_micros(at: datetime) -> int:
    return _us(at - EPOCH)


def _to_datetime(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
