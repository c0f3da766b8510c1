from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.plan import FIRST_ROWS, lost_offsets, plan_batch, rows_within, undecided

TOPIC = UUID(int=7)


def partition(number, first, end):
    return PartitionOffsets(topic_id=TOPIC, partition=number, first=first, stable_end=end, end=end)


@st.composite
def situations(draw):
    """A frontier and what the broker says; some partitions new, some behind retention, some ahead of the end."""
    stable, frontier = [], {}
    for number in draw(st.permutations(range(draw(st.integers(0, 6))))):
        first = draw(st.integers(0, 50))
        stable.append(partition(number, first, first + draw(st.integers(0, 100))))
        if draw(st.booleans()):
            frontier[number] = draw(st.integers(0, 160))
    return frontier, stable


@given(situations(), st.integers(0, 200))
def test_ranges_continue_the_frontier_within_the_limit_and_the_stable_end(situation, rows):
    frontier, stable = situation

    planned = plan_batch(frontier, stable, rows=rows)

    by_partition = {p.partition: p for p in stable}
    assert sum(r.offsets for r in planned) <= rows
    assert [r.partition for r in planned] == sorted({r.partition for r in planned})
    for r in planned:
        assert r.start == frontier.get(r.partition, by_partition[r.partition].first)
        assert r.start < r.end <= by_partition[r.partition].stable_end


@given(situations(), st.integers(0, 200))
def test_every_partition_gets_its_fair_share_and_no_budget_is_left_over(situation, rows):
    frontier, stable = situation
    backlog = {p.partition: max(0, p.stable_end - frontier.get(p.partition, p.first)) for p in stable}

    taken = {r.partition: r.offsets for r in plan_batch(frontier, stable, rows=rows)}

    assert sum(taken.values()) == min(rows, sum(backlog.values()))
    for number, waiting in backlog.items():
        assert taken.get(number, 0) >= min(waiting, rows // len(backlog))


@given(situations(), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_draining_reads_each_offset_once_and_ends_at_the_stable_end_whatever_the_limits(situation, limits):
    frontier, stable = situation
    position = dict(frontier)
    read = []
    while planned := plan_batch(position, stable, rows=limits[len(read) % len(limits)]):
        for r in planned:
            assert r.start == position.get(r.partition, r.start)
            position[r.partition] = r.end
        read.append(planned)

    for p in stable:
        start = frontier.get(p.partition, p.first)
        assert position.get(p.partition, p.first) == max(start, p.stable_end)
    assert sum(r.offsets for batch in read for r in batch) == sum(
        max(0, p.stable_end - frontier.get(p.partition, p.first)) for p in stable
    )


def test_a_budget_smaller_than_the_partitions_goes_to_the_longest_backlogs():
    planned = plan_batch({}, [partition(0, 0, 1), partition(1, 0, 9), partition(2, 0, 5)], rows=2)

    assert [(r.partition, r.offsets) for r in planned] == [(1, 1), (2, 1)]


def test_a_skewed_partition_does_not_starve_the_others():
    planned = plan_batch({}, [partition(0, 0, 1_000_000), partition(1, 0, 30), partition(2, 0, 10)], rows=90)

    assert {r.partition: r.offsets for r in planned} == {0: 50, 1: 30, 2: 10}


@given(situations())
def test_what_retention_took_is_named_and_planning_goes_on_after_it(situation):
    frontier, stable = situation

    lost = lost_offsets(frontier, stable)

    moved = frontier | {r.partition: r.end for r in lost}
    assert all(p.first <= moved.get(p.partition, p.first) for p in stable)
    assert all(frontier[r.partition] == r.start < r.end for r in lost)
    assert not lost_offsets(moved, stable)


def test_lost_offsets_are_never_skipped_by_planning_alone():
    stable = [partition(0, 100, 120)]

    assert plan_batch({0: 90}, stable, rows=5) == (OffsetRange(topic_id=TOPIC, partition=0, start=90, end=95),)
    assert lost_offsets({0: 90}, stable) == (OffsetRange(topic_id=TOPIC, partition=0, start=90, end=100),)


def test_offsets_behind_an_open_transaction_are_undecided():
    hanging = replace(partition(1, 0, 4), end=9)

    assert undecided([partition(0, 0, 7), hanging]) == (OffsetRange(topic_id=TOPIC, partition=1, start=4, end=9),)


@given(st.integers(1, 10**9), st.none() | st.floats(0, 10**9), st.integers(1, 10**6))
def test_a_batch_has_at_least_one_row_and_is_expected_to_fit(batch_bytes, bytes_per_row, batch_rows):
    rows = rows_within(batch_bytes, bytes_per_row, batch_rows)

    assert 1 <= rows <= batch_rows
    assert rows == 1 or bytes_per_row is None or rows * bytes_per_row <= batch_bytes


def test_until_rows_are_known_a_batch_is_small():
    assert rows_within(256_000_000, None, 200_000) == FIRST_ROWS
    assert rows_within(256_000_000, 25_000, 200_000) == 10_240
    assert rows_within(256_000_000, 300, 200_000) == 200_000
