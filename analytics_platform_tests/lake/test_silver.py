"""Outcomes: exactly one each, and the same however the log was cut into batches."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.facts import Outcome
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.lake.silver import WINNER_COLUMNS, TimeLimits, decide

START = datetime(2026, 11, 1, tzinfo=UTC)
HORIZON = timedelta(minutes=10)
LIMITS = TimeLimits(horizon=HORIZON, latest=START + timedelta(days=2))
COLUMNS = pa.schema(
    [
        ("batch", pa.int64()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("event_id", pa.string()),
        ("event_at", INSTANT),
        ("payload_hash", pa.int64()),
        ("reason", pa.string()),
    ]
)
EVENT = st.tuples(
    st.integers(0, 5),  # id; its copies share a key, hence a partition: partition = id % 2
    st.integers(0, 30),  # minutes of event time
    st.integers(0, 1),  # payload
    st.sampled_from([None, None, None, "malformed: truncated"]),
)


def log_of(events):
    """The rows of a log: by partition, offsets in order of arrival."""
    ends = {0: 0, 1: 0}
    rows = []
    for number, minute, payload, reason in events:
        partition = number % 2
        at = START + timedelta(minutes=minute)
        rows.append(
            {
                "batch": 1,
                "partition": partition,
                "offset": ends[partition],
                "event_id": f"e{number}",
                "event_at": at,
                "payload_hash": payload,
                "reason": reason,
            }
        )
        ends[partition] += 1
    return rows


def table(rows):
    ordered = sorted(rows, key=lambda r: (r["partition"], r["offset"]))
    return pa.Table.from_pylist(ordered, schema=COLUMNS)


def outcomes_when_cut(rows, cuts):
    """Decide batch after batch, carrying winners and event times over; outcome by coordinate."""
    found, published, newest = {}, [], {}
    for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        batch = table(rows[start:end])
        winners = pa.Table.from_pylist(published, schema=WINNER_COLUMNS)
        decision = decide(batch, winners, newest, LIMITS)
        newest = decision.newest_event_at
        for row, outcome in zip(batch.to_pylist(), decision.outcome_names().to_pylist(), strict=True):
            found[row["partition"], row["offset"]] = outcome
            if outcome == Outcome.PUBLISHED:
                published.append({name: row[name] for name in WINNER_COLUMNS.names})
    return found


def outcomes_one_by_one(rows):
    """The rule in plain Python, a row at a time: the oracle."""
    found, winners, newest = {}, {}, {}
    for row in rows:
        place, at = (row["partition"], row["offset"]), row["event_at"]
        limit = newest.get(row["partition"])
        newest[row["partition"]] = max(at, limit or at)  # what breaks a rule is news too
        if row["reason"] is not None:
            found[place] = Outcome.QUARANTINED
        elif limit is not None and at < limit - HORIZON:
            found[place] = Outcome.BEYOND_HORIZON
        elif row["event_id"] not in winners:
            winners[row["event_id"]] = row["payload_hash"]
            found[place] = Outcome.PUBLISHED
        else:
            same = winners[row["event_id"]] == row["payload_hash"]
            found[place] = Outcome.DUPLICATE if same else Outcome.CONFLICT
    return found


@given(st.lists(EVENT, max_size=30), st.data())
def test_outcomes_equal_the_plain_rule_whatever_the_cut(events, data):
    rows = log_of(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    assert outcomes_when_cut(rows, cuts) == outcomes_one_by_one(rows)


def test_a_loser_names_its_winner():
    rows = log_of([(0, 0, 0, None), (2, 0, 0, None), (0, 1, 0, None), (0, 1, 1, None)])
    decision = decide(table(rows), WINNER_COLUMNS.empty_table(), {}, LIMITS)
    assert decision.winner_offset.to_pylist() == [None, None, 0, 0]
    assert decision.counts() == {Outcome.PUBLISHED: 2, Outcome.DUPLICATE: 1, Outcome.CONFLICT: 1}


def test_an_event_time_far_in_the_future_is_refused_and_pushes_nobody_out():
    rows = log_of([(0, 0, 0, None), (2, 60 * 24 * 3, 0, None), (4, 1, 0, None)])
    decision = decide(table(rows), WINNER_COLUMNS.empty_table(), {}, LIMITS)
    assert decision.outcome_names().to_pylist() == [Outcome.PUBLISHED, Outcome.QUARANTINED, Outcome.PUBLISHED]
    assert decision.reason.to_pylist()[1] == "event time in the future"


def test_no_rows_have_no_outcomes():
    decision = decide(table([]), WINNER_COLUMNS.empty_table(), {0: START}, LIMITS)
    assert decision.counts() == {} and decision.newest_event_at == {0: START}
