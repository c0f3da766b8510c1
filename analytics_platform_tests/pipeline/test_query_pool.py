"""Work side by side: two calls at once, each with a connection of its own, and no error is lost."""

import threading
import time
from contextlib import contextmanager

import psycopg
import pytest

from analytics_platform.errors import FencedError
from analytics_platform.lake.duckdb import connect
from analytics_platform.pipeline.query_pool import QueryPool
from analytics_platform.pipeline.recompute import levels
from analytics_platform_tests.pipeline.house import HOUSE


@contextmanager
def opened(count):
    query = connect()
    with QueryPool(query, count) as pool:
        yield query, pool


def test_two_calls_run_at_once_each_with_a_connection_of_its_own_that_reads_instants_as_utc(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    together = threading.Barrier(2, timeout=20)

    def call(query, item):
        together.wait()
        settings = "current_setting('timezone') as zone, current_setting('parquet_metadata_cache') as cached"
        query.execute(f"create temp view mine as select {item} as x, {settings}")
        together.wait()
        return query.sql("from mine").fetchall()

    with opened(2) as (_, pool):
        assert pool.each(call, [1, 2]) == [[(1, "UTC", True)], [(2, "UTC", True)]]


def test_more_items_than_connections_come_back_in_their_order():
    with opened(2) as (_, pool):
        assert pool.each(lambda query, item: query.sql(f"select {item}").fetchall()[0][0], range(7)) == list(range(7))


def test_an_error_is_raised_when_what_ran_beside_it_has_ended():
    ended, begun = [], threading.Barrier(2, timeout=20)

    def call(query, item):
        begun.wait()
        if item == 0:
            raise ValueError("planted")
        query.sql("select sum(i) from range(3000000) t(i)").fetchall()
        ended.append(item)

    with opened(2) as (_, pool), pytest.raises(ValueError, match="planted"):
        pool.each(call, [0, 1])
    assert ended == [1]


def test_that_we_are_fenced_off_is_raised_before_what_came_with_it():
    together = threading.Barrier(2, timeout=20)
    errors = [psycopg.OperationalError("the connection is lost"), FencedError("table bids/silver", 1, 2)]

    def call(query, error):
        together.wait()
        raise error

    with opened(2) as (_, pool), pytest.raises(FencedError):
        pool.each(call, errors)


def test_after_an_error_nothing_more_is_begun():
    begun = []

    def call(query, item):
        begun.append(item)
        if item == 0:
            raise ValueError("planted")
        time.sleep(0.3)

    with opened(2) as (_, pool), pytest.raises(ValueError, match="planted"):
        pool.each(call, range(50))
    assert len(begun) < 10


@pytest.mark.parametrize(("count", "items", "alone"), [(1, [1, 2], False), (2, [1], False), (2, [1, 2], True)])
def test_one_call_at_a_time_or_one_item_starts_no_thread(count, items, alone):
    def call(query, item):
        return query, threading.current_thread()

    with opened(count) as (query, pool):
        assert pool.each(call, items, alone=alone) == [(query, threading.current_thread())] * len(items)


def test_models_of_a_level_read_none_of_each_other_and_come_after_what_they_read():
    done = set()
    for level in levels(HOUSE):
        names = {model.name for model in level}
        for model in level:
            assert set(model.inputs) & set(HOUSE.model_names) <= done
        done |= names
    assert done == set(HOUSE.model_names)
