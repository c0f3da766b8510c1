"""What fails is told at least once to every destination, and that it is good again too; on a real Postgres."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import Step, deliver
from analytics_platform.facts import Outcome
from analytics_platform.ledger.postgres import alarms, publication
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform_tests.alerts.receivers import FakeDestination
from analytics_platform_tests.ledger.test_publication import HOUR, cycle, ledger, manifest

__all__ = ["ledger"]
KNOWN = Known(owners={"s/silver": "team:s", "p": "team:s"}, pipelines={"s/silver": "p", "p": "p"})
HELD = {Outcome.HELD: 9}


class KilledError(Exception):
    """The process ends here."""


def publish(ledger, *manifests, at=HOUR):
    with leases.taken(ledger, "p", "run", HOUR) as lease:
        publication.publish(ledger, lease, cycle(*manifests, at=at))


def after(minutes):
    return HOUR + timedelta(minutes=minutes)


def test_a_failed_check_is_told_once_and_resolved_when_a_later_batch_passes(ledger):
    phone = FakeDestination()
    publish(ledger, manifest(1, passed=False))
    deliver(ledger, [phone], KNOWN, after(1))
    deliver(ledger, [phone], KNOWN, after(2))
    publish(ledger, manifest(2), at=after(3))
    deliver(ledger, [phone], KNOWN, after(4))
    assert [is_firing for _, is_firing, _ in phone.told] == [True, False]
    assert len({key for key, _, _ in phone.told}) == 1 and phone.beats == 3


def test_a_held_batch_stays_told_until_somebody_decides(ledger):
    phone = FakeDestination()
    held = replace(manifest(1, passed=False), outcomes=HELD)
    publish(ledger, held)
    publish(ledger, manifest(2))
    deliver(ledger, [phone], KNOWN, after(1))
    assert [is_firing for _, is_firing, _ in phone.told] == [True]
    publish(ledger, replace(manifest(1, passed=False), revision=2, resolution="released by ada: known"))
    deliver(ledger, [phone], KNOWN, after(2))
    assert [is_firing for _, is_firing, _ in phone.told] == [True, False]


def test_more_batches_of_one_cause_change_the_alert_and_make_no_other(ledger):
    phone = FakeDestination()
    for number in (1, 2, 3):
        publish(ledger, replace(manifest(number, passed=False), outcomes=HELD))
        deliver(ledger, [phone], KNOWN, after(number))
    assert len({key for key, _, _ in phone.told}) == 1
    assert phone.told[-1][2]["batches"] == "s/1, s/2, s/3"


def test_a_destination_that_is_down_costs_the_others_nothing_and_is_told_later(ledger):
    down, phone = FakeDestination(name="down", is_up=False), FakeDestination()
    publish(ledger, manifest(1, passed=False))
    problems = deliver(ledger, [down, phone], KNOWN, after(1))
    assert len(problems) == 1 and len(phone.told) == 1 and down.beats == 0
    down.is_up = True
    assert deliver(ledger, [down, phone], KNOWN, after(2)) == [] and len(down.told) == len(phone.told) == 1


@pytest.mark.parametrize("place", Step)
def test_killed_anywhere_it_is_told_again_under_the_same_key_and_none_is_lost(ledger, place):
    phone = FakeDestination()
    publish(ledger, manifest(1, passed=False))

    def killed(step):
        if step is place:
            raise KilledError

    with pytest.raises(KilledError):
        deliver(ledger, [phone], KNOWN, after(1), killed)
    deliver(ledger, [phone], KNOWN, after(2))
    deliver(ledger, [phone], KNOWN, after(3))
    assert len({key for key, _, _ in phone.told}) == 1
    assert len(phone.told) == (2 if place is Step.SENT else 1)


def test_what_stands_is_repeated_to_whom_forgets(ledger):
    forgetful = FakeDestination(repeats=timedelta(minutes=1))
    publish(ledger, manifest(1, passed=False))
    for minute in range(1, 7):
        deliver(ledger, [forgetful], KNOWN, after(minute / 2 + 0.1))
    assert len(forgetful.told) == 2


def test_notes_that_a_crash_left_behind_and_what_fails_without_a_note_are_both_found(ledger):
    phone = FakeDestination()
    publish(ledger, manifest(1, passed=False))
    ledger.execute("set session_replication_role = replica")  # nothing else takes a fact back
    ledger.execute("delete from outbox")  # as if nobody had said it
    deliver(ledger, [phone], KNOWN, after(1))
    assert len(phone.told) == 1
    ledger.execute("delete from failing")
    deliver(ledger, [phone], KNOWN, after(2))
    assert [is_firing for _, is_firing, _ in phone.told] == [True, False]


def test_runs_that_keep_failing_are_told_and_models_are_over_with_nothing_to_recompute(ledger):
    phone = FakeDestination()
    alarms.raise_run_failing(ledger, "p", 3, "run-7", None, HOUR)
    alarms.raise_model_failing(ledger, "hot", "its SQL", HOUR)
    ledger.execute("insert into dirty (model, grain, cause) values ('hot', '1', 'test')")
    deliver(ledger, [phone], KNOWN, after(1))
    assert [is_firing for _, is_firing, _ in phone.told] == [True, True]
    ledger.execute("delete from dirty")
    deliver(ledger, [phone], KNOWN, after(2))
    assert [is_firing for _, is_firing, _ in phone.told] == [True, True, False]


def test_the_whole_outbox_is_taken_over_once(ledger):
    publish(ledger, manifest(1, passed=False))
    deliver(ledger, [], KNOWN, after(1))
    assert ledger.execute("select count(*) from outbox where delivered_at is null").fetchone() == (0,)
