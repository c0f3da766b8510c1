"""A small auction house that grows old: days pass, rows are past their retention, and upkeep comes."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.pipeline import upkeep
from analytics_platform_tests.pipeline.house import HOUSE, NOON, kafka_with, opened
from analytics_platform_tests.pipeline.orders import lease, rows

DAY = 24 * 60.0  # minutes


@contextmanager
def kept_for_a_day(dsn, folder, clock):
    """A house whose tables keep rows for a day, and its broker."""
    kafka = kafka_with()
    with opened(dsn, folder, kafka, now=clock) as parts:
        yield replace(parts, limits=replace(parts.limits, retention=timedelta(days=1))), kafka


@contextmanager
def kept_by_stream(dsn, folder, clock, pipeline=HOUSE, **days):
    """A house that keeps rows of some streams for so many days, and of the others for ever; and its broker."""
    kafka = kafka_with()
    streams = (replace(s, kept_for=timedelta(days=days[s.name]) if s.name in days else None) for s in pipeline.streams)
    pipeline = replace(pipeline, streams=tuple(streams))
    with opened(dsn, folder, kafka, now=clock, pipeline=pipeline) as parts:
        yield parts, kafka


def at_day(day, house, clock, *, bids=(), auctions=()):
    """Read what comes on that day, drop what is past its retention, and let models follow."""
    parts, kafka = house
    clock.at = NOON + timedelta(days=day)
    kafka.append("bids", 0, bids)
    kafka.append("auctions", 0, auctions)
    lease(parts, f"day {day}")
    with taken(parts.ledger, "house", f"upkeep of day {day}", clock.at) as held:
        upkeep.clean(parts, held)
    lease(parts, f"day {day} again")


def found(parts, name, column):
    return sorted(row[column] for row in rows(parts, name).to_pylist())


def in_one_file(parts, name):
    """Put a table's rows into one file, as upkeep does once there are many; where it is."""
    table = parts.tables.by_name[name]
    table.refresh()
    files = table.files()
    with taken(parts.ledger, "house", "folding", parts.now()) as held:
        table.fold(files, epoch=held.epoch)
    (file,) = table.uris(table.files())
    return Path(file)
