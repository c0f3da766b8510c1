"""Large batches are cut into lanes, and come out as if they were walked record by record."""

import random

import numpy as np
import pytest

from analytics_platform.ingest.record_starts import LEAST_CUT, PADDING, cuts_of, record_starts, walk_in_step
from analytics_platform_tests.ingest.batches import varint


def record(number, value, *, gap=1):
    """A record's bytes; its value may be anything."""
    body = b"\0" + varint(0) + varint(number * gap) + b"\1" + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def payloads(*bodies):
    """The arguments of `record_starts` for batches with those records, and where the records start."""
    buffer = np.frombuffer(b"".join(map(b"".join, bodies)) + bytes(PADDING), np.uint8)
    sizes = np.array([sum(map(len, body)) for body in bodies], np.int64)
    counts = np.array([len(body) for body in bodies], np.int64)
    ends = np.cumsum(sizes)
    lengths = [len(each) for body in bodies for each in body]
    return (buffer, ends - sizes, ends, counts), (np.cumsum(lengths) - lengths).tolist()


def values(count, seed=1):
    chance = random.Random(seed)
    return [chance.randbytes(chance.randint(60, 400)) for _ in range(count)]


def test_a_large_batch_is_cut_and_every_record_found():
    given, wanted = payloads([record(n, value) for n, value in enumerate(values(20 * LEAST_CUT))])
    cuts = cuts_of(*given)
    assert cuts is not None and len(cuts[0]) > 10
    assert record_starts(*given).tolist() == wanted


def test_large_and_small_batches_together_come_out_in_order():
    sizes = [3, 5 * LEAST_CUT, 1, 2 * LEAST_CUT, LEAST_CUT - 1]
    given, wanted = payloads(*([record(n, v) for n, v in enumerate(values(size, size))] for size in sizes))
    assert record_starts(*given).tolist() == wanted


def test_numbers_with_gaps_are_walked_without_cuts():
    given, wanted = payloads([record(n, value, gap=2) for n, value in enumerate(values(3 * LEAST_CUT))])
    assert record_starts(*given).tolist() == wanted


@pytest.mark.parametrize("seed", range(5))
def test_a_value_that_looks_like_records_deceives_nobody(seed):
    """Every value holds two records that follow one another, as a copy of another log would."""
    chance = random.Random(seed)
    inner = [record(n, b"x" * chance.randint(60, 90)) + record(n + 1, b"y" * 70) for n in range(3 * LEAST_CUT)]
    given, wanted = payloads([record(n, bytes(9) + value) for n, value in enumerate(inner)])
    assert record_starts(*given).tolist() == wanted


@pytest.mark.parametrize("seed", range(20))
def test_broken_bytes_give_what_walking_one_by_one_gives(seed):
    chance = random.Random(seed)
    given, _ = payloads([record(n, value) for n, value in enumerate(values(2 * LEAST_CUT, seed))])
    buffer = given[0].copy()
    for _ in range(chance.randint(1, 40)):
        buffer[chance.randrange(len(buffer) - PADDING)] = chance.randrange(256)
    assert record_starts(buffer, *given[1:]).tolist() == walk_in_step(buffer, *given[1:]).tolist()
