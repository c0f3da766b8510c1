"""One suite for the bulk reader, the plain one and the fake; then what only a real broker can do."""

import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest

from analytics_platform.errors import OffsetsLostError, TopicChangedError
from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.kafka.fetch import PlainReader
from analytics_platform.ingest.plan import plan_batch
from analytics_platform.ingest.records import RECORDS_SCHEMA, header_text
from analytics_platform_tests.fakes import FakeRecord

MIXED = [
    FakeRecord(value=b"first", key=b"k", headers=(("event_id", b"1"), ("event_id", b"2"), ("empty", b""))),
    FakeRecord(value=None, key=b"tombstone"),
    FakeRecord(value=b"", key=b"", headers=(("null", None),)),
    FakeRecord(value=b"no key", at_ms=1_600_000_000_123),
    FakeRecord(value=b"x" * 1_000_000),
    *[FakeRecord(value=b"%d" % n * (n % 50), key=b"%d" % (n % 7)) for n in range(500)],
]


def everything(reader, topic, rows=10**9):
    """All records of a topic as rows by partition, read in batches of so many offsets."""
    stable = reader.offsets([topic])[topic]
    frontier, tables = {}, []
    while planned := plan_batch(frontier, stable, rows=rows):
        tables += reader.fetch(topic, planned)
        frontier |= {r.partition: r.end for r in planned}
    table = pa.concat_tables([RECORDS_SCHEMA.empty_table(), *tables])
    return table.sort_by([("partition", "ascending"), ("offset", "ascending")])


def contents(table):
    headers = [tuple((h["key"], h["value"]) for h in row) for row in table["headers"].to_pylist()]
    at = [t // 1000 for t in table["broker_at"].cast(pa.int64()).to_pylist()]
    rows = zip(table["value"].to_pylist(), table["key"].to_pylist(), headers, at, strict=True)
    return [FakeRecord(value=v, key=k, headers=h, at_ms=t) for v, k, h, t in rows]


def test_every_record_comes_out_once_as_it_went_in(broker, name):
    broker.create(name, 3)
    broker.append(name, 0, MIXED)
    broker.append(name, 2, MIXED[:3])

    with broker.reader() as reader:
        table = everything(reader, name)

    assert table.schema == RECORDS_SCHEMA
    assert contents(table) == [*MIXED, *MIXED[:3]]
    assert table["offset"].to_pylist() == [*range(len(MIXED)), 0, 1, 2]
    assert header_text(table, "event_id")[0].as_py() == "2"


@pytest.mark.parametrize("rows", [7, 100])
def test_the_records_are_the_same_however_the_offsets_are_cut(broker, name, rows):
    records = [FakeRecord(value=b"%d" % n) for n in range(30)]
    broker.create(name, 2)
    broker.append(name, 0, records[:20])
    broker.leave_gap(name, 0)
    broker.append(name, 0, records[20:])

    with broker.reader() as reader:
        assert contents(everything(reader, name, rows)) == records


def test_a_range_that_ends_in_a_gap_ends(broker, name):
    broker.create(name)
    broker.append(name, 0, MIXED[:2])
    broker.leave_gap(name, 0)

    with broker.reader() as reader:
        (stable,) = reader.offsets([name])[name]
        assert stable.stable_end > 2
        assert contents(everything(reader, name)) == MIXED[:2]


def test_offsets_that_retention_took_are_an_error_and_never_a_jump(broker, name):
    broker.create(name)
    broker.append(name, 0, MIXED[:5])
    broker.delete_before(name, 0, 3)

    with broker.reader() as reader:
        (stable,) = reader.offsets([name])[name]
        planned = OffsetRange(topic_id=stable.topic_id, partition=0, start=1, end=5)
        assert (stable.first, stable.stable_end) == (3, 5)
        with pytest.raises(OffsetsLostError, match=r"offset 1 was planned, the log holds \[3, 5\)"):
            list(reader.fetch(name, [planned]))
        assert contents(everything(reader, name)) == MIXED[3:5]


def test_offsets_that_are_not_written_yet_are_an_error(broker, name):
    broker.create(name)
    broker.append(name, 0, MIXED[:2])

    with broker.reader() as reader:
        (stable,) = reader.offsets([name])[name]
        with pytest.raises(OffsetsLostError):
            list(reader.fetch(name, [OffsetRange(topic_id=stable.topic_id, partition=0, start=0, end=9)]))


def test_a_topic_that_was_recreated_is_refused(broker, name):
    broker.create(name)
    broker.append(name, 0, MIXED[:2])

    with broker.reader() as reader:
        planned = plan_batch({}, reader.offsets([name])[name], rows=9)
        broker.create(name)
        broker.append(name, 0, MIXED[:2])
        with pytest.raises(TopicChangedError):
            list(reader.fetch(name, planned))


def test_a_topic_that_is_recreated_during_the_reading_is_refused_at_the_end(broker, name):
    broker.create(name)
    broker.append(name, 0, MIXED[:2])

    with broker.reader() as reader:
        tables = reader.fetch(name, plan_batch({}, reader.offsets([name])[name], rows=9))
        next(tables)
        broker.create(name)
        with pytest.raises(TopicChangedError):
            list(tables)


def test_waiting_ends_with_data_and_otherwise_with_the_time(broker, name):
    broker.create(name, 2)
    broker.append(name, 0, MIXED[:2])
    positions = {name: {0: 2, 1: 0}}

    with broker.reader() as reader:
        assert reader.wait_for_data({name: {0: 1, 1: 0}}, 5)
        assert not reader.wait_for_data(positions, 0.3)
        writer = threading.Timer(0.2, broker.append, [name, 1, MIXED[:1]])
        writer.start()
        started = time.monotonic()
        assert reader.wait_for_data(positions, 10)
        writer.join()

    assert time.monotonic() - started < 5


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_of_the_stock_producer_is_read_in_bulk_and_one_by_one(real, name, codec):
    real.create(name)
    real.append(name, 0, MIXED, compression_type=codec)

    with real.reader() as bulk, PlainReader(real.bootstrap) as plain:
        assert contents(everything(bulk, name)) == contents(everything(plain, name)) == MIXED


def test_both_readers_yield_the_identical_table_over_transactions(real, name):
    real.create(name, 2)
    committing = real.producer(transactional_id=uuid4().hex, compression_type="lz4")
    committing.init_transactions(10)
    for partition in (0, 1, 0):
        committing.begin_transaction()
        real.produce(committing, name, partition, MIXED[:40])
        committing.commit_transaction(10)
        real.leave_gap(name, partition)
        real.append(name, partition, MIXED[40:60], compression_type="zstd")

    with real.reader() as bulk, PlainReader(real.bootstrap) as plain:
        table = everything(bulk, name)
        assert table == everything(plain, name)
        assert table == everything(bulk, name, rows=11)

    assert len(table) == 3 * 60
    assert b"aborted" not in table["value"].to_pylist()


def test_the_reader_survives_broken_connections(real, name):
    real.create(name)
    real.append(name, 0, MIXED)

    with real.reader() as reader:
        before = everything(reader, name)
        assert break_connections(real.bootstrap) > 0
        assert everything(reader, name) == before
        tables = reader.fetch(name, plan_batch({}, reader.offsets([name])[name], rows=10**6), chunk_bytes=1 << 18)
        first = next(tables)
        assert break_connections(real.bootstrap) > 0
        assert pa.concat_tables([first, *tables]) == before


def break_connections(bootstrap):
    """Shut down every connection of this process to the broker, as a restart of it would."""
    port, broken = int(bootstrap.rpartition(":")[2]), 0
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        try:
            held = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        with held:
            if held.family == socket.AF_INET and peer_port(held) == port:
                held.shutdown(socket.SHUT_RDWR)
                broken += 1
    return broken


def peer_port(held):
    try:
        return held.getpeername()[1]
    except OSError:
        return None


def test_a_compacted_log_is_read_with_its_gaps(real, name):
    real.clean_often()
    real.create(name, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.001")
    versions = [FakeRecord(key=b"%d" % (n % 3), value=b"%d" % n) for n in range(30)]
    now = int(time.time() * 1000)
    real.append(name, 0, [replace(record, at_ms=now) for record in versions])

    with real.reader() as bulk, PlainReader(real.bootstrap) as plain:
        compact(real, bulk, name)
        table = settled(bulk, name)
        assert table == everything(plain, name)
        assert table == everything(bulk, name, rows=4)
        assert bulk.offsets([name])[name][0].stable_end > len(table)


def compact(broker, reader, topic):
    """Write until the cleaner has been there: it only cleans closed segments."""
    deadline = time.monotonic() + 20
    for n in range(1000):
        broker.append(topic, 0, [FakeRecord(key=b"new", value=b"%d" % n, at_ms=int(time.time() * 1000) + 200 * n)])
        if len(everything(reader, topic)) < 30:
            return
        assert time.monotonic() < deadline, "never compacted"


def settled(reader, topic):
    """The topic's records once the cleaner leaves them alone for half a second."""
    end = reader.offsets([topic])[topic][0].stable_end
    table = None
    while table != (table := everything(reader, topic)):
        assert not reader.wait_for_data({topic: {0: end}}, 0.5)
    return table
