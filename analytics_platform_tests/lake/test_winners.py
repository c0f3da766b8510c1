"""Winners move when batches are held, released or discarded: properties on random logs, in memory."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.facts import Outcome
from analytics_platform.lake.silver import WINNER_COLUMNS, Stop, decide
from analytics_platform.lake.winners import COPY, LOSING, STANDING, moves
from analytics_platform_tests.lake.test_silver import COLUMNS, EVENT, LIMITS, log_of

HELD = Stop(outcome=Outcome.HELD, reason="check")
DISCARDED = Stop(outcome=Outcome.DISCARDED, reason="ada")
LOGS = st.lists(EVENT, min_size=1, max_size=24)
CHANGES = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([None, HELD, DISCARDED])), max_size=6)
TABLE = pa.schema(
    [
        *(COLUMNS.field(name) for name in COPY),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("winner_partition", pa.int32()),
        ("winner_offset", pa.int64()),
    ]
)


def batched(events):
    """A log, cut into batches of three."""
    log = [{**row, "batch": place // 3} for place, row in enumerate(log_of(events))]
    return sorted(log, key=lambda row: (row["batch"], row["partition"], row["offset"]))


def judged(log, found, stops, first, last):
    """`found`, the standing of each row by coordinates, after batches first to last are judged, maybe once more."""
    rows = [row for row in log if first <= row["batch"] <= last]
    earlier = pa.Table.from_pylist(published(found, lambda n: n < first), TABLE).select(WINNER_COLUMNS.names)
    before = [row for row in log if row["batch"] < first]
    newest = decide(table(before), WINNER_COLUMNS.empty_table(), {}, LIMITS).newest_event_at
    decision = decide(table(rows), earlier, newest, LIMITS, stops)
    columns = (decision.outcome_names(), decision.reason, decision.winner_partition, decision.winner_offset)
    new = zip(rows, *(column.to_pylist() for column in columns), strict=True)
    standing = {place(row): {**row, **dict(zip(STANDING, told, strict=True))} for row, *told in new}
    return settled({**found, **standing}, found, range(first, last + 1))


def settled(found, before, numbers):
    """The copies in other batches, decided again as rework does."""
    old, new = ({place(r): r for r in published(rows, lambda n: n in numbers)} for rows in (before, found))
    ids = {(old | new)[at]["event_id"] for at in old.keys() ^ new.keys()}
    others = [r for r in found.values() if r["event_id"] in ids and r["batch"] not in numbers]
    moved = moves(
        pa.Table.from_pylist([r for r in new.values() if r["event_id"] in ids], TABLE),
        pa.Table.from_pylist([r for r in others if r["outcome"] == Outcome.PUBLISHED], TABLE),
        pa.Table.from_pylist([r for r in others if r["outcome"] in LOSING], TABLE),
    )
    promoted = [{**row, **dict.fromkeys(STANDING), "outcome": "published"} for row in moved.promoted.to_pylist()]
    changed = [*promoted, *moved.demoted.to_pylist(), *moved.renamed.to_pylist()]
    return found | {place(row): {**found[place(row)], **row} for row in changed}


def published(found, is_meant):
    return [row for row in found.values() if row["outcome"] == Outcome.PUBLISHED and is_meant(row["batch"])]


def table(rows):
    return pa.Table.from_pylist(rows, COLUMNS)


def place(row):
    return row["partition"], row["offset"]


def from_scratch(log, stops):
    """What becomes of the log when everything is known from the start."""
    return judged(log, {}, stops, 0, 99)


def standing_of(found):
    """By coordinates, outcome and winner."""
    return {at: (row["outcome"], row["winner_partition"], row["winner_offset"]) for at, row in found.items()}


def after(log, changes):
    """The log judged batch after batch, then changed batch by batch; and the stops that stand in the end."""
    found, stops = {}, {}
    numbers = sorted({row["batch"] for row in log})
    for number in numbers:
        found = judged(log, found, {}, number, number)
    for number, stop in changes:
        if number in numbers:
            stops = {n: s for n, s in {**stops, number: stop}.items() if s}
            found = judged(log, found, stops, number, number)
    return found, stops


@given(LOGS, CHANGES)
def test_after_any_changes_it_is_as_if_they_had_been_known_from_the_start(events, changes):
    log = batched(events)
    found, stops = after(log, changes)
    assert standing_of(found) == standing_of(from_scratch(log, stops))


@given(LOGS, CHANGES)
def test_at_any_time_each_row_has_one_outcome_and_each_id_one_winner(events, changes):
    log = batched(events)
    found, _ = after(log, changes)
    ids = [row["event_id"] for row in published(found, lambda _: True)]
    assert found.keys() == {place(row) for row in log} and len(ids) == len(set(ids))


@given(LOGS, CHANGES, st.integers(0, 7))
def test_released_is_as_if_never_held_and_discarded_then_released_as_if_never_discarded(events, changes, number):
    log = batched(events)
    never, _ = after(log, [*changes, (number, None)])
    back, _ = after(log, [*changes, (number, HELD), (number, DISCARDED), (number, None)])
    assert standing_of(back) == standing_of(never)


@given(LOGS, CHANGES, st.integers(0, 7), st.integers(0, 3))
def test_the_same_change_again_changes_nothing(events, changes, first, more):
    log = batched(events)
    found, stops = after(log, changes)
    again = judged(log, found, stops, first, first + more)
    assert again == found


@given(LOGS, CHANGES, st.integers(0, 7), st.integers(0, 7))
def test_it_does_not_matter_how_batches_are_cut_into_chunks(events, changes, first, second):
    log = batched(events)
    stops = {number: stop for number, stop in changes if stop}
    found, _ = after(log, [])
    one, two = found, found
    one = judged(log, one, stops, 0, 9)
    low, high = sorted((first, second))
    for a, b in ((0, low), (low + 1, high), (high + 1, 9)):
        two = judged(log, two, stops, a, b) if a <= b else two
    assert standing_of(one) == standing_of(two)
