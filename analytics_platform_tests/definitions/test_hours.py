"""What an hour amounts to: a check speaks for all of its batches."""

from dataclasses import replace
from datetime import UTC, datetime

from analytics_platform.definitions.hours import checks_of_hour, sum_hour
from analytics_platform.facts import BatchId, Manifest, Outcome, Verdict

HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)


def manifest(number, passed=True, resolution=None, too_late=None):
    verdict = Verdict(asset="orders/silver", check="usual_amount", passed=passed, severity="error", detail="as usual")
    return Manifest(
        batch=BatchId(stream="orders", number=number),
        hour=HOUR,
        revision=1,
        epoch=1,
        offsets=10,
        rows=9,
        gaps=1,
        outcomes={Outcome.PUBLISHED: 9} if passed else {Outcome.HELD: 9},
        hashes={},
        versions={},
        verdicts=(verdict,),
        newest_event_at={},
        reader_schema_id=1,
        metrics={},
        libraries={},
        too_late=too_late or {},
        resolution=resolution,
    )


def test_an_hour_stays_red_after_a_held_batch_though_the_next_one_is_good():
    (check,) = checks_of_hour([manifest(1), manifest(2, passed=False), manifest(3)])
    assert not check.passed and check.failing == ("orders/2",) and check.batches == 3


def test_an_hour_is_green_once_somebody_has_decided_about_its_held_batch():
    held = manifest(2, passed=False)
    (check,) = checks_of_hour([manifest(1), replace(held, resolution="released by ada: known spike"), manifest(3)])
    assert check.passed and check.failing == ()
    assert check.settled == ("orders/2: released by ada: known spike",)


def test_one_decision_settles_one_batch():
    (check,) = checks_of_hour([manifest(1, passed=False, resolution="discarded by bo"), manifest(2, passed=False)])
    assert not check.passed and check.failing == ("orders/2",)


def test_rows_of_all_batches_are_summed_by_outcome_and_by_model():
    total = sum_hour([manifest(1, too_late={"revenue": 2}), manifest(2, passed=False, too_late={"revenue": 1})])
    assert (total.batches, total.offsets, total.gaps, total.rows) == (2, 20, 2, 18)
    assert total.outcomes == {Outcome.PUBLISHED: 9, Outcome.HELD: 9}
    assert total.too_late == {"revenue": 3}
