"""What may stand in a topic's log, a function for each noun: states what must come of it, returns the rows compared."""

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from analytics_platform.ingest.record_batch import CODEC, HEADER, LENGTH_FROM
from analytics_platform.ingest.records import Gap
from analytics_platform.ledger.postgres.transactions import HANGING_AFTER
from analytics_platform.pipeline import has_unplanned, plan_all
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.ingest.on_kafka import letter, letters, opened, stock_view
from analytics_platform_tests.ingest.topics import wait_until

MEGABYTE = 1_000_000
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@contextmanager
def on_one_topic(place, partitions=1, config=None, **declared):
    """The pipeline on a topic of its own on the shared broker."""
    place.real.create(place.name, partitions, **(config or {}))
    with opened(place.real, place.name, place.dsn, place.folder, **declared) as post:
        yield post


def transaction(post, records, *, commit, within=False):
    """Write records in a transaction of their own, `within` another or not; None leaves it open."""
    producer = post.topics.producer(transactional_id=uuid4().hex, transaction_timeout_ms=60_000)
    producer.init_transactions(10)
    producer.begin_transaction()
    post.topics.produce(producer, post.topic, 0, records)
    producer.flush(10)
    if commit is not None:
        (producer.commit_transaction if commit else producer.abort_transaction)(10)
        if not within:
            post.topics.wait_until_decided(post.topic, 0)
    return producer


def control_records(place):
    """Three transactions' markers are gaps, the records between them rows."""
    with on_one_topic(place) as post:
        for first in (0, 2, 4):
            transaction(post, letters(2, first), commit=True)
        (manifest,) = post.lease()
        assert (manifest.offsets, manifest.rows, manifest.gaps) == (9, 6, 3)
        assert post.gaps() == {Gap.CONTROL: 3}
        assert post.numbers() == [0, 1, 2, 3, 4, 5]
        return post.agrees()


def aborted_transactions(place):
    """Nothing of an aborted transaction comes out, also of one that lies within another producer's committed one."""
    with on_one_topic(place) as post:
        committed = transaction(post, letters(3), commit=None)
        transaction(post, letters(5, 100), commit=False, within=True)
        post.topics.produce(committed, post.topic, 0, letters(2, 3))
        committed.commit_transaction(10)
        post.write(letters(1, 5))
        post.topics.wait_until_decided(post.topic, 0)
        (manifest,) = post.lease()
        assert (manifest.rows, manifest.gaps) == (6, 7)
        assert post.gaps() == {Gap.ABORTED: 5, Gap.CONTROL: 2}
        assert post.numbers() == [0, 1, 2, 3, 4, 5]
        return post.agrees()


def hanging_transactions(place):
    """What stands behind an open one waits, unseen by lag; after a while there is one alarm; once decided it comes."""
    with on_one_topic(place) as post:
        post.write(letters(2))
        hanging = transaction(post, letters(3, 2), commit=None)
        post.write(letters(4, 5))
        post.lease()
        assert post.numbers() == [0, 1]
        assert not has_unplanned(post.parts)
        later = replace(post, parts=replace(post.parts, now=lambda: post.parts.now() + HANGING_AFTER))
        for _ in range(3):
            plan_all(later.parts)
        (alarm,) = post.alarms("transaction hanging")
        assert (alarm["partition"], alarm["stable_end"]) == (0, 2)
        hanging.commit_transaction(10)
        post.topics.wait_until_decided(post.topic, 0)
        post.lease()
        assert post.numbers() == list(range(9))
        assert post.parts.ledger.execute("select count(*) from standstill").fetchone() == (0,)
        return post.agrees()


def compacted_gaps(place):
    """What the cleaner took after it was planned is a gap, also where a whole batch, or the end of one, is gone."""
    place.real.clean_often()
    config = {"cleanup_policy": "compact", "segment_ms": "100", "min_cleanable_dirty_ratio": "0.001"}
    with on_one_topic(place, config=config, batch_rows=7) as post:
        post.write([letter(n, key=b"%d" % (n % 3)) for n in range(31)])
        plan_all(post.parts)
        _compact(post)
        manifests = post.lease()
        assert (manifests[0].offsets, manifests[0].rows, manifests[0].gaps) == (7, 0, 7)
        assert post.gaps().keys() == {Gap.MISSING}
        held = post.bronze()
        assert {o for _, o in held} >= {28, 29, 30}
        assert not {o for _, o in held} & set(range(28))
        return post.agrees(lost=held.keys() - _stock_places(post))


def _stock_places(post):
    return stock_view(post.topics.bootstrap, post.topic).keys()


def _compact(post):
    """Write until the cleaner has been there: it only cleans closed segments."""
    state = {"n": 0}

    def cleaned():
        state["n"] += 1
        at_ms = int(time.time() * 1000) + 200 * state["n"]
        post.write([replace(letter(1000 + state["n"], key=b"new"), at_ms=at_ms)])
        return not {o for _, o in _stock_places(post)} & set(range(28))

    wait_until(cleaned, seconds=30)


def tombstones(place):
    """A record without a value is quarantined as one, with its key."""
    with on_one_topic(place) as post:
        post.write([letter(0, key=b"k"), FakeRecord(key=b"k"), letter(1, key=b"k")])
        post.lease()
        assert post.outcomes() == {(0, 0): "published", (0, 1): "quarantined", (0, 2): "published"}
        assert post.bronze()[0, 1] == (b"k", None)
        return post.agrees()


def null_keys_and_values(place):
    """Null is not empty: all four of key and value present or null."""
    with on_one_topic(place) as post:
        present = letter(0, key=b"k")
        post.write([present, replace(present, key=None), FakeRecord(key=b"k"), FakeRecord(), replace(present, key=b"")])
        post.lease()
        assert list(post.bronze().values())[1:] == [
            (None, present.value),
            (b"k", None),
            (None, None),
            (b"", present.value),
        ]
        assert Counter(post.outcomes().values()) == {"published": 3, "quarantined": 2}
        return post.agrees()


def empty_and_large_records(place):
    """Empty values are quarantined, a megabyte is a row like any other."""
    with on_one_topic(place, config={"max_message_bytes": "4000000"}) as post:
        large = [letter(n, pad="x" * MEGABYTE) for n in range(3)]
        post.write([FakeRecord(value=b""), large[0], FakeRecord(value=b"", key=b""), *large[1:], letter(3)])
        post.lease()
        assert [len(value) for _, value in post.bronze().values()][1:2] == [len(large[0].value)]
        assert Counter(post.outcomes().values()) == {"published": 4, "quarantined": 2}
        assert post.numbers() == [0, 1, 2, 3]
        return post.agrees()


def all_codecs(place):
    """The same records by every codec, and the log really holds all five."""
    with on_one_topic(place) as post:
        for number, codec in enumerate(CODECS):
            post.write(letters(50, 50 * number, pad="ab" * 40), compression_type=codec)
        post.lease()
        assert codecs_in(place.data / f"{place.name}-0") == set(range(len(CODECS)))
        assert post.numbers() == list(range(250))
        return post.agrees()


def codecs_in(folder):
    """The codecs of the batches in a partition's log."""
    found = set()
    for path in folder.glob("*.log"):
        raw, at = path.read_bytes(), 0
        while at + HEADER.size <= len(raw):
            _, length, _, _, _, attributes, *_ = HEADER.unpack_from(raw, at)
            if not length:
                break
            found.add(attributes & CODEC)
            at += LENGTH_FROM + length
    return found
