"""What an hour amounts to: a check speaks for all of its batches."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.definitions.hours import as_json, from_json, sum_hour
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
    (check,) = sum_hour([manifest(1), manifest(2, passed=False), manifest(3)]).checks
    assert not check.passed and check.failing == ("orders/2",) and check.batches == 3


def test_an_hour_is_green_once_somebody_has_decided_about_its_held_batch():
    held = manifest(2, passed=False)
    settled = replace(held, resolution="released by ada: known spike")
    (check,) = sum_hour([manifest(1), settled, manifest(3)]).checks
    assert check.passed and check.failing == ()
    assert check.settled == ("orders/2: released by ada: known spike",)


def test_one_decision_settles_one_batch():
    manifests = [manifest(1, passed=False, resolution="discarded by bo"), manifest(2, passed=False)]
    (check,) = sum_hour(manifests).checks
    assert not check.passed and check.failing == ("orders/2",)


def test_rows_of_all_batches_are_summed_by_outcome_and_by_model():
    total = sum_hour([manifest(1, too_late={"revenue": 2}), manifest(2, passed=False, too_late={"revenue": 1})])
    assert (total.batches, total.offsets, total.gaps, total.rows) == (2, 20, 2, 18)
    assert total.outcomes == {Outcome.PUBLISHED: 9, Outcome.HELD: 9}
    assert total.too_late == {"revenue": 3}


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, "released by ada"])), max_size=12), st.data())
def test_an_hour_taken_up_where_it_was_left_is_the_hour_read_at_once(batches, data):
    manifests = [
        replace(manifest(number, passed, reason, {"revenue": number}), verdicts=verdicts(number, passed))
        for number, (passed, reason) in enumerate(batches, 1)
    ]
    cut = data.draw(st.integers(0, len(manifests)))
    left = from_json(json.loads(json.dumps(as_json(sum_hour(manifests[:cut])))))
    assert sum_hour(manifests[cut:], left) == sum_hour(manifests)


def verdicts(number, passed):
    """One check that every batch has, one that some have."""
    usual = Verdict(asset="orders/silver", check="usual", passed=passed, severity="error", detail=f"as of {number}")
    rare = Verdict(asset="orders/silver", check="rare", passed=not passed, severity="warn", detail="seldom")
    return (usual, rare) if number % 3 == 0 else (usual,)
