"""Models on a real ledger and real tables: right after every fault, recomputed when their time comes."""

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import dirty, planning, publication, timers
from analytics_platform.pipeline import cycle, plan_all
from analytics_platform.pipeline.models import is_due
from analytics_platform.pipeline.watermarks import watermarks_now
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.pipeline.house import (
    HOUSE,
    MINUTE,
    NOON,
    Clock,
    auction,
    bid,
    finish,
    kafka_with,
    opened,
    random_house,
)
from analytics_platform_tests.pipeline.orders import KilledError, content, kill_at, lease, rows

IDLE = HOUSE.stream("bids").idle_after
KILLS = [Failpoint.AFTER_FETCH, Failpoint.AFTER_DIRTY, Failpoint.AFTER_PARQUET, Failpoint.AFTER_COMMIT]


def wins(parts):
    return {row["id"]: row["price"] for row in rows(parts, "wins").to_pylist()}


def hot(parts):
    return {(row["start"], row["auction"]): row["bids"] for row in rows(parts, "hot").to_pylist()}


def test_a_bid_counts_in_each_window_that_spans_it(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([bid("a", at=3), bid("b", at=5)])) as parts:
        lease(parts)
        assert hot(parts) == {(NOON, 1): 1, (NOON + 2 * MINUTE, 1): 2, (NOON + 4 * MINUTE, 1): 1}


def test_an_auction_that_expires_on_a_silent_topic_gets_its_winner(ledger_dsn, tmp_path):
    clock = Clock(NOON + 2 * MINUTE)
    kafka = kafka_with([bid("a", price=3), bid("b", price=7)], [auction(closes=5)])
    with opened(ledger_dsn, tmp_path, kafka, now=clock) as parts:
        lease(parts)
        assert wins(parts) == {} and not is_due(parts)
        clock.at = NOON + 5 * MINUTE + IDLE - timedelta(microseconds=1)
        assert not is_due(parts)
        clock.at = NOON + 5 * MINUTE + IDLE
        assert is_due(parts)
        report = lease(parts, "second")
        assert report.manifests == () and report.cycles == 1
        assert wins(parts) == {1: 7} and not is_due(parts)
        assert publication.published_versions(parts.ledger, "house") == parts.tables.versions()


def test_models_over_models_follow_in_the_same_publication(ledger_dsn, tmp_path):
    kafka = kafka_with([bid("a", 1, price=3), bid("b", 2, price=7)], [auction(1), auction(2)])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        finish(parts)
        assert rows(parts, "kinds").to_pylist() == [{"kind": 1, "wins": 2, "total": 10}]
        kafka.append("bids", 1, [bid("c", 2, price=9)])
        report = lease(parts, "late")
        assert set(report.models) == {"hot", "wins", "sums", "kinds"} and report.cycles == 1
        assert rows(parts, "kinds").to_pylist() == [{"kind": 1, "wins": 2, "total": 12}]


def test_a_model_whose_rows_did_not_change_stops_the_wave(ledger_dsn, tmp_path):
    kafka = kafka_with([bid("a", price=9)], [auction()])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        finish(parts)
        before = parts.tables.versions()
        kafka.append("bids", 0, [bid("b", price=1)])
        report = lease(parts, "late")
        assert set(report.models) == {"hot", "wins"}
        assert all(parts.tables.versions()[name] == before[name] for name in ("wins", "sums", "kinds"))


def test_late_bids_of_windows_that_are_over_are_gathered(ledger_dsn, tmp_path):
    clock = Clock(NOON)
    kafka = kafka_with([bid("a", at=0), bid("b", at=20.5)])
    with opened(ledger_dsn, tmp_path, kafka, now=clock) as parts:
        lease(parts)
        kafka.append("bids", 0, [bid("c", at=0), bid("d", at=20.6)])
        lease(parts, "late")
        assert hot(parts)[NOON, 1] == 1
        assert timers.first_due(parts.ledger, ["hot"]) == {"hot": NOON + 21 * MINUTE}
        kafka.append("bids", 0, [bid("e", at=21)])
        lease(parts, "minute")
        assert hot(parts)[NOON, 1] == 2


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_what_is_too_late_does_not_depend_on_the_cut(ledger_dsn, tmp_path, cut):
    bids = [bid("a", at=0), bid("b", at=31), bid("c", at=0.99), bid("d", at=1.0), bid("e", at=40), bid("f", at=9.9)]
    cut_house = replace(HOUSE, streams=tuple(replace(s, batch_rows=cut) for s in HOUSE.streams))
    with opened(ledger_dsn, tmp_path, kafka_with(bids), pipeline=cut_house) as parts:
        report = lease(parts)
        finish(parts)
        counted = Counter()
        for manifest in report.manifests:
            counted.update(manifest.too_late)
        assert counted == {"hot": 2} and sum(hot(parts).values()) == 2 * 4


def test_a_stream_with_something_to_read_is_not_idle(ledger_dsn, tmp_path):
    clock = Clock(NOON)
    kafka = kafka_with([bid("a", at=1)], [auction(closes=2)])
    with opened(ledger_dsn, tmp_path, kafka, now=clock) as parts:
        lease(parts)
        clock.at += timedelta(days=1)
        assert watermarks_now(parts, {}) == {"bids": clock.at - IDLE, "auctions": clock.at - IDLE}
        kafka.append("bids", 0, [bid("b", at=1.5)])
        assert watermarks_now(parts, {})["bids"] == NOON + MINUTE
        plan_all(parts)
        clock.at += timedelta(days=1)
        assert watermarks_now(parts, {})["bids"] == NOON + MINUTE
        kafka.is_up = False
        assert watermarks_now(parts, {})["auctions"] == NOON


def test_a_watermark_never_goes_back(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([bid("a", at=1)])) as parts:
        lease(parts)
        timers.move_on(parts.ledger, {"bids": NOON + 60 * MINUTE})
        timers.move_on(parts.ledger, {"bids": NOON})
        assert watermarks_now(parts, {"bids": {0: NOON}})["bids"] >= NOON + 60 * MINUTE


def expected_wins(kafka):
    """The winners of a fake house, by hand."""
    lots, best = {}, defaultdict(int)
    for log in kafka.topics["auctions"].logs:
        for found in (json.loads(record.value) for record in log):
            lots[found["id"]] = (datetime.fromisoformat(found["at"]), datetime.fromisoformat(found["closes"]))
    for log in kafka.topics["bids"].logs:
        for found in (json.loads(record.value) for record in log):
            opens, closes = lots.get(found["auction"], (NOON, NOON - MINUTE))
            if opens <= datetime.fromisoformat(found["at"]) <= closes:
                best[found["auction"]] = max(best[found["auction"]], found["price"])
    return dict(best)


def test_every_winner_is_the_one_that_a_reader_of_the_log_would_name(ledger_dsn, tmp_path):
    kafka = random_house(seed=5, count=200)
    small = replace(HOUSE, streams=tuple(replace(s, batch_rows=23) for s in HOUSE.streams))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=small) as parts:
        lease(parts)
        finish(parts)
        assert wins(parts) == expected_wins(kafka) and len(wins(parts)) > 20


@pytest.fixture(scope="module")
def clean(postgres, tmp_path_factory):
    """The content of a run that nothing disturbed."""
    with (
        fresh_ledger(postgres) as dsn,
        opened(dsn, tmp_path_factory.mktemp("clean"), random_house(seed=3, count=120)) as parts,
    ):
        lease(parts)
        finish(parts)
        return content(parts)


@pytest.mark.parametrize(("hit", "at_once"), [(1, 1), (1, 2), (2, 2), (4, 1)])
@pytest.mark.parametrize("point", KILLS)
def test_bids_and_auctions_interleaved_with_a_kill_leave_the_content_of_a_clean_run(
    ledger_dsn, tmp_path, clean, monkeypatch, point, hit, at_once
):
    monkeypatch.setattr(cycle, "SIDE_BY_SIDE", at_once)
    whole = random_house(seed=3, count=120)
    kafka = kafka_with()
    small = replace(HOUSE, streams=tuple(replace(s, batch_rows=60) for s in HOUSE.streams))
    for name, topic in whole.topics.items():
        for partition, log in enumerate(topic.logs):
            kafka.append(name, partition, log[: len(log) // 2])
    killed = kill_at(point, hit)
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, reached=killed, pipeline=small) as parts:
        lease(parts)
        for name, topic in whole.topics.items():
            for partition, log in enumerate(topic.logs):
                kafka.append(name, partition, log[len(log) // 2 :])
        lease(parts, "more")
        finish(parts)
    for name, topic in whole.topics.items():
        for partition, log in enumerate(topic.logs):
            kafka.append(name, partition, log[len(kafka.topics[name].logs[partition]) :])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=small) as parts:
        lease(parts, "second")
        finish(parts)
        assert content(parts) == clean
        assert not planning.open_batches(parts.ledger, parts.pipeline.stream_names)


def test_marks_are_worked_off_in_bounded_portions(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with()) as parts:
        dirty.mark(parts.ledger, {"wins": {"3"}}, "first")
        dirty.mark(parts.ledger, {"wins": {"1", "2"}}, "second")
        assert set(dirty.marks(parts.ledger, "wins", 1)) == {"3"}
