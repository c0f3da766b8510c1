"""What comes after a held batch is published or waits, as its stream says."""

from dataclasses import replace

from analytics_platform.ledger.postgres import timers
from analytics_platform.pipeline import has_unplanned, plan_all, to_wait_for
from analytics_platform.product import BehindHeld
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.pipeline.checked import CHECKED_ORDERS, CHECKED_SHOP
from analytics_platform_tests.pipeline.ordered import discard, is_worked_off, release, states
from analytics_platform_tests.pipeline.orders import ORDERS, content, kafka_with, lease, opened, order
from analytics_platform_tests.pipeline.test_held import BAD

PATIENT = replace(CHECKED_SHOP, streams=(replace(CHECKED_ORDERS, behind_held=BehindHeld.WAIT),))
LATER = [order(4), order(5)]


def held_and_more(parts, kafka):
    lease(parts, "held")
    kafka.append(ORDERS.topic, 0, LATER)


def test_what_waits_stays_in_kafka_and_asks_for_no_lease(ledger_dsn, tmp_path):
    kafka = kafka_with([BAD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=PATIENT) as parts:
        held_and_more(parts, kafka)
        assert not has_unplanned(parts) and to_wait_for(plan_all(parts), parts) == {}
        assert lease(parts, "in vain").cycles == 0 and states(parts) == {1: "held"}


def test_once_somebody_has_decided_it_goes_on_in_order(ledger_dsn, tmp_path):
    kafka = kafka_with([BAD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=PATIENT) as parts:
        held_and_more(parts, kafka)
        release(parts, 1)
        lease(parts, "after")
        assert states(parts) == {1: "published", 2: "published"} and is_worked_off(parts)


def test_waiting_and_going_on_come_to_the_same(postgres, tmp_path):
    found = []
    for pipeline in (PATIENT, CHECKED_SHOP):
        kafka = kafka_with([BAD, []])
        place = tmp_path / str(len(found))
        with fresh_ledger(postgres) as dsn, opened(dsn, place, kafka, pipeline=pipeline) as parts:
            held_and_more(parts, kafka)
            lease(parts, "more")
            discard(parts, 1)
            lease(parts, "after")
            timers.end_stream(parts.ledger, "orders")  # late rows wait for others no longer
            lease(parts, "last")
            found.append(content(parts))
    assert found[0] == found[1]
