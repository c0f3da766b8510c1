"""Which offsets the next batch reads, decided from a frontier and the broker's stable offsets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analytics_platform.facts import OffsetRange, PartitionOffsets

FIRST_ROWS = 10_000  # 10 MB of usual rows, and still 250 MB of large ones


def plan_batch(
    frontier: Mapping[int, int], stable: Sequence[PartitionOffsets], *, rows: int
) -> tuple[OffsetRange, ...]:
    """The ranges that follow the frontier, at most `rows` offsets in all; empty when nothing is new.

    `frontier` is the next offset by partition; a partition it does not name starts at the first offset kept.
    Each partition gets an equal share, what some do not need goes to those with more, and an odd rest to the
    longest backlogs. Offsets that retention took are planned like any other, and reading them raises: move the
    frontier over `lost_offsets` first, in the open.
    """
    starts = {p.partition: frontier.get(p.partition, p.first) for p in stable}
    backlog = {p.partition: max(0, p.stable_end - starts[p.partition]) for p in stable}
    shares = _share(backlog, rows)
    return tuple(
        OffsetRange(
            topic_id=p.topic_id,
            partition=p.partition,
            start=starts[p.partition],
            end=starts[p.partition] + shares[p.partition],
        )
        for p in sorted(stable, key=lambda p: p.partition)
        if shares[p.partition]
    )


def is_behind(frontier: Mapping[int, int], stable: Sequence[PartitionOffsets]) -> bool:
    """Whether there are offsets beyond the frontier."""
    return any(p.stable_end > frontier.get(p.partition, p.first) for p in stable)


def lost_offsets(frontier: Mapping[int, int], stable: Sequence[PartitionOffsets]) -> tuple[OffsetRange, ...]:
    """The offsets that retention or deletion took before they were planned, to be recorded as gaps."""
    return tuple(
        OffsetRange(topic_id=p.topic_id, partition=p.partition, start=frontier[p.partition], end=p.first)
        for p in sorted(stable, key=lambda p: p.partition)
        if frontier.get(p.partition, p.first) < p.first
    )


def shortened(frontier: Mapping[int, int], stable: Sequence[PartitionOffsets]) -> tuple[OffsetRange, ...]:
    """The offsets that were planned and that the log does not reach any more: an unclean election cut it.

    What is written there anew has old numbers and would never be read: that must not go unseen.
    """
    return tuple(
        OffsetRange(topic_id=p.topic_id, partition=p.partition, start=p.stable_end, end=frontier[p.partition])
        for p in sorted(stable, key=lambda p: p.partition)
        if frontier.get(p.partition, 0) > p.stable_end
    )


def undecided(stable: Sequence[PartitionOffsets]) -> tuple[OffsetRange, ...]:
    """The offsets that are written and not stable: behind the first transaction that is still open.

    While one hangs nothing behind it can be read, though readers of committed records see no lag.
    """
    return tuple(
        OffsetRange(topic_id=p.topic_id, partition=p.partition, start=p.stable_end, end=p.end)
        for p in sorted(stable, key=lambda p: p.partition)
        if p.end > p.stable_end
    )


def rows_within(batch_bytes: int, bytes_per_row: float | None, batch_rows: int) -> int:
    """How many rows a batch may have so that it is expected to be no larger than `batch_bytes`; at least one.

    `bytes_per_row` is what rows were like lately; None before there were any, and then a small batch shows it.
    """
    if bytes_per_row is None:
        return min(batch_rows, FIRST_ROWS)
    return max(1, min(batch_rows, int(batch_bytes / max(bytes_per_row, 1.0))))


def lost_since_planned(planned: Sequence[OffsetRange], stable: Sequence[PartitionOffsets]) -> tuple[OffsetRange, ...]:
    """The planned offsets that the broker has deleted meanwhile: by retention, or with the topic itself."""
    kept = {(p.topic_id, p.partition): p.first for p in stable}
    ends = [(r, min(r.end, kept.get((r.topic_id, r.partition), r.end))) for r in planned]
    return tuple(replace(r, end=end) for r, end in ends if end > r.start)


def still_there(planned: Sequence[OffsetRange], lost: Sequence[OffsetRange]) -> tuple[OffsetRange, ...]:
    """The planned offsets without the lost ones, which are the first of their partitions."""
    ends = {(r.topic_id, r.partition): r.end for r in lost}
    left = [replace(r, start=ends.get((r.topic_id, r.partition), r.start)) for r in planned]
    return tuple(r for r in left if r.start < r.end)


def _share(backlog: Mapping[int, int], rows: int) -> dict[int, int]:
    level = _water_level(list(backlog.values()), rows)
    shares = {partition: min(waiting, level) for partition, waiting in backlog.items()}
    rest = rows - sum(shares.values())
    by_need = sorted(backlog, key=lambda partition: (shares[partition] - backlog[partition], partition))
    for partition in by_need[: max(0, rest)]:
        shares[partition] += shares[partition] < backlog[partition]
    return shares


def _water_level(backlogs: list[int], rows: int) -> int:
    """The highest share that all can be granted without going beyond `rows`."""
    left = max(0, rows)
    for index, waiting in enumerate(sorted(backlogs)):
        share = left // (len(backlogs) - index)
        if waiting > share:
            return share
        left -= waiting
    return max(backlogs, default=0)
