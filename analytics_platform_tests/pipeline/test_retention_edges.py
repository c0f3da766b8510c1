"""Retention where things are broken, late, ahead or behind: nothing is computed from a part, nothing needed goes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import SettingError
from analytics_platform.facts import BatchId
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform.pipeline.recover import rebuild_ledger, survey
from analytics_platform.pipeline.recover_files import repair_files
from analytics_platform.product import BatchCheck, Window
from analytics_platform_tests.pipeline.aging import DAY, at_day, found, in_one_file, kept_by_stream, kept_for_a_day
from analytics_platform_tests.pipeline.house import HOT, HOUSE, KINDS, MINUTE, SUMS, WINS, auction, bid, model, opened
from analytics_platform_tests.pipeline.orders import content, lease, rows

HOURS = timedelta(hours=1)


@pytest.fixture
def house(ledger_dsn, tmp_path, clock):
    with kept_for_a_day(ledger_dsn, tmp_path, clock) as aging:
        yield aging


def counting(name, size, column="start"):
    sql = f"select {column}, count(*) as bids from bids group by {column}"
    return model(name, sql, ("bids",), Window(column=column, size=size))


def over_one(*models):
    return replace(HOUSE, models=models)


def bids_of(parts, name):
    table = rows(parts, name)
    return table.sort_by(table.column_names[0])["bids"].to_pylist()


def ordered(parts, kind, number):
    batches = (BatchId(stream="bids", number=number),)
    order = Order(
        pipeline="house", kind=kind, requested_by="me", reason="a test", requested_at=parts.now(), batches=batches
    )
    rework.give(parts.ledger, order)
    lease(parts, f"{kind} {number}")


@pytest.mark.parametrize("damage", ["gone", "zeros"])
def test_what_a_damaged_file_needs_for_its_repair_stays_and_all_else_goes(house, clock, damage):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", 1, at=1)], auctions=[auction(1, 0, 5)])
    at_day(0.9, house, clock, bids=[bid("b", 2, at=0.9 * DAY)])
    file = in_one_file(parts, "bids/silver")
    file.unlink() if damage == "gone" else file.write_bytes(bytes(file.stat().st_size))
    at_day(1.5, house, clock)
    assert found(parts, "bids/bronze", "batch") == [1, 2] and found(parts, "auctions/bronze", "batch") == []
    repair_files("bids/silver", parts, from_kafka=False, deep=True)
    lease(parts, "repair")
    assert found(parts, "bids/silver", "auction") == [1, 2]
    at_day(1.6, house, clock)
    assert found(parts, "bids/silver", "auction") == [2] and found(parts, "bids/bronze", "batch") == [2]


def test_a_lost_file_of_rows_that_are_all_past_their_retention_is_forgotten(house, clock):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", 1, at=1), bid("z", 9, at=9)], auctions=[auction(1, 0, 5), auction(9, 8, 10)])
    assert found(parts, "wins", "id") == [1]
    for table in (parts.tables.by_name[name] for name in ("bids/bronze", "auctions/silver")):
        (file,) = map(Path, table.uris(table.files()))
        file.unlink()
    at_day(3, house, clock, bids=[bid("~", 2, at=3 * DAY)], auctions=[auction(95, 3 * DAY, 3 * DAY + 5)])
    assert found(parts, "bids/bronze", "batch") == [2] and found(parts, "wins", "id") == []


def test_a_batch_that_nobody_has_decided_about_is_kept(ledger_dsn, tmp_path, clock):
    check = BatchCheck(name="dear", holds="max(price) < 100", description="")
    streams = tuple(replace(s, checks=(check,)) if s.name == "bids" else s for s in HOUSE.streams)
    with kept_by_stream(ledger_dsn, tmp_path, clock, replace(HOUSE, streams=streams), bids=1) as house_of_checks:
        parts, _ = house_of_checks
        at_day(0, house_of_checks, clock, bids=[bid("a", 1, at=1, price=500)])
        at_day(2, house_of_checks, clock, bids=[bid("b", 2, at=2 * DAY)])
        ordered(parts, Kind.RELEASE, 1)
        assert found(parts, "bids/silver", "auction") == [1, 2]
        at_day(2.1, house_of_checks, clock)
        assert [rows(parts, f"bids/{layer}").num_rows for layer in Layer] == [1, 1, 0]


def test_a_key_over_windows_is_computed_again_from_those_that_stay(house, clock):
    parts, _ = house
    early = [auction(1, 0, 5, kind=7), auction(9, 8, 10)]
    at_day(0, house, clock, bids=[bid("a", at=1), bid("z", 9, at=9)], auctions=early)
    at_day(0.1, house, clock, bids=[bid("y", 9, at=0.1 * DAY)], auctions=[auction(10, 0.1 * DAY, 0.1 * DAY + 1)])
    assert [row["kind"] for row in rows(parts, "kinds").to_pylist() if row["kind"] == 7] == [7]
    for day in (3, 4):
        late = [auction(day, day * DAY, day * DAY + 5)]
        at_day(day, house, clock, bids=[bid(day, 2, at=day * DAY)], auctions=late)
    assert 7 not in found(parts, "kinds", "kind")


def test_whoever_keeps_rows_long_loses_none_when_models_are_computed_anew(ledger_dsn, tmp_path, clock):
    with kept_by_stream(ledger_dsn, tmp_path, clock, bids=30) as kept:
        at_day(0, kept, clock, bids=[bid("a", at=1)], auctions=[auction(1, 0, 5)])
        for day in (10, 10.1):
            at = day * DAY
            at_day(day, kept, clock, bids=[bid(day, 2, at=at)], auctions=[auction(int(day * 10), at, at + 5)])
        before = {name: found(kept[0], name, column) for name, column in (("hot", "auction"), ("wins", "id"))}
    hot = replace(HOT, sql=HOT.sql.replace("as bids from", "as bids, max(price) as dearest from"))
    wins = replace(WINS, sql=WINS.sql.replace("as price from", "as price, min(price) as least from"))
    anew = catalog_of([*kept[0].pipeline.streams, hot, wins, SUMS, KINDS]).pipelines["house"]
    with opened(ledger_dsn, tmp_path, kept[1], now=clock, pipeline=anew) as parts:
        lease(parts, "renewed")
        assert {name: found(parts, name, column) for name, column in (("hot", "auction"), ("wins", "id"))} == before


def test_a_window_over_windows_is_not_computed_again_once_one_of_them_has_gone(ledger_dsn, tmp_path, clock):
    days = model(
        "days",
        "select day, sum(bids)::bigint as bids from panes group by day",
        ("panes",),
        Window(column="day", size=12 * HOURS),
        touches={"panes": "pane"},
    )
    pipeline = catalog_of([*HOUSE.streams, counting("panes", 10 * MINUTE, "pane"), days]).pipelines["house"]
    with kept_by_stream(ledger_dsn, tmp_path, clock, pipeline, bids=1) as kept:
        parts, _ = kept
        at_day(0, kept, clock, bids=[bid(n, 1, at=n) for n in range(9)])
        at_day(5 / 24, kept, clock, bids=[bid("b", 1, at=5 * 60), bid("c", 1, at=5 * 60 + 1)])
        at_day(27 / 24, kept, clock, bids=[bid("d", 1, at=27 * 60)])
        assert bids_of(parts, "days") == [11, 1] and bids_of(parts, "panes") == [2, 1]
        ordered(parts, Kind.RETRACT, 2)
        assert bids_of(parts, "days") == [11, 1]


def test_what_waited_to_be_computed_is_not_computed_from_what_is_left_of_it(ledger_dsn, tmp_path, clock):
    good = counting("half", 6 * HOURS)
    sql = good.sql.replace("count(*)", "count(case when price = 666 then error('no') else 1 end)")
    with kept_by_stream(ledger_dsn, tmp_path, clock, over_one(replace(good, sql=sql)), bids=1) as kept:
        for hours, price in ((0, 1), (3, 1), (4, 666), (26, 1)):
            at_day(hours / 24, kept, clock, bids=[bid(hours, 1, at=hours * 60 + 1, price=price)])
        assert bids_of(kept[0], "half") == [2, 1] and len(found(kept[0], "bids/silver", "price")) == 3
    pipeline = replace(kept[0].pipeline, models=(good,))
    with opened(ledger_dsn, tmp_path, kept[1], now=clock, pipeline=pipeline) as parts:
        lease(parts, "mended")
        assert bids_of(parts, "half") == [2, 1]


def test_a_first_start_computes_windows_that_began_long_ago_for_nothing_has_gone(ledger_dsn, tmp_path, clock):
    week = counting("week", timedelta(days=7))
    with kept_by_stream(ledger_dsn, tmp_path, clock, over_one(week), bids=15) as kept:
        at_day(15, kept, clock, bids=[bid(n, 1, at=n * DAY) for n in range(16)])
        assert sum(bids_of(kept[0], "week")) == 16


def test_rows_that_were_ahead_of_the_clock_stay_as_long_as_their_window(ledger_dsn, tmp_path, clock):
    with kept_by_stream(ledger_dsn, tmp_path, clock, over_one(counting("hour", HOURS)), bids=1) as kept:
        at_day(0, kept, clock, bids=[bid("ahead", 1, at=5 * 60 + 5)])
        at_day(5.5 / 24, kept, clock, bids=[bid("b", 1, at=5 * 60 + 20)])
        at_day(25.5 / 24, kept, clock, bids=[bid("c", 1, at=25.5 * 60)])
        at_day(25.6 / 24, kept, clock, bids=[bid("late", 1, at=5 * 60 + 30)])
        at_day(27 / 24, kept, clock, bids=[bid("d", 1, at=27 * 60)])
        assert bids_of(kept[0], "hour") == [3, 1, 1]
        at_day(31 / 24, kept, clock, bids=[bid("e", 1, at=31 * 60)])
        assert "ahead" not in str(found(kept[0], "bids/silver", "event_id")) and bids_of(kept[0], "hour")[0] != 2


def test_days_that_leave_no_room_for_the_largest_window_are_refused_by_name(ledger_dsn, tmp_path, clock):
    day = over_one(counting("day", timedelta(days=1)))
    with kept_by_stream(ledger_dsn, tmp_path, clock, day, bids=1) as (parts, _):
        with pytest.raises(SettingError, match=r"retention.yaml: bids is kept for 1 day, 0:00:00, which is too short"):
            parts.horizon(parts.pipeline.stream("bids"))
        assert parts.horizon(parts.pipeline.stream("auctions")) == timedelta(days=7)


def test_a_ledger_is_rebuilt_where_rows_are_kept_for_a_time(ledger_dsn, tmp_path, clock):
    with kept_by_stream(ledger_dsn, tmp_path, clock, bids=1) as kept:
        at_day(0, kept, clock, bids=[bid("a", 1, at=1)], auctions=[auction(1, 0, 5)])
        at_day(0.9, kept, clock, bids=[bid("b", 2, at=0.9 * DAY)], auctions=[auction(2, 0.9 * DAY, 0.9 * DAY + 5)])
        at_day(1.5, kept, clock, bids=[bid("c", 3, at=1.5 * DAY)], auctions=[auction(3, 1.5 * DAY, 1.5 * DAY + 5)])
        before = content(kept[0])
        kept[0].ledger.execute("drop schema public cascade; create schema public")
    with opened(ledger_dsn, tmp_path, kept[1], now=clock, pipeline=kept[0].pipeline) as parts:
        rebuild_ledger(survey(parts), parts)
        lease(parts, "after")
        assert content(parts) == before
