"""Of a paused stream nothing new is planned, until somebody resumes it or its pause is over."""

from datetime import timedelta

from analytics_platform.ledger.postgres.pauses import Pause, pause, resume
from analytics_platform.pipeline import has_unplanned, plan_all
from analytics_platform_tests.pipeline.orders import kafka_with, lease, opened, order, outcomes


def paused_for(parts, span):
    now = parts.now()
    pause(parts.ledger, Pause(stream="orders", reason="a bad deploy", by="ada", since=now, until=now + span))


def test_nothing_of_a_paused_stream_is_planned_and_all_of_it_once_it_is_resumed(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        paused_for(parts, timedelta(hours=1))
        assert not has_unplanned(parts)
        assert lease(parts).manifests == ()
        resume(parts.ledger, "orders")
        assert has_unplanned(parts)
        lease(parts, "second")
        assert outcomes(parts) == {(0, 0): "published"}


def test_what_is_planned_is_finished_though_its_stream_is_paused(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        plan_all(parts)
        paused_for(parts, timedelta(hours=1))
        assert len(lease(parts).manifests) == 1


def test_a_pause_that_is_over_holds_nothing_back(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        paused_for(parts, timedelta(seconds=-1))
        assert len(lease(parts).manifests) == 1
