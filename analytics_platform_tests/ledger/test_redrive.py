"""A redrive judges what may come out otherwise, and stops where it does not."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.facts import Pins
from analytics_platform.ledger.redrive import MOST_TRIES, plan_redrive

TODAY = Pins(reader_schema_id=2, contract_digest="b")
NUMBERS = st.lists(st.integers(1, 20), unique=True)
JUDGED = st.dictionaries(st.integers(1, 20), st.sampled_from([(1, "a"), (2, "a"), (2, "b")]))


@given(NUMBERS, JUDGED, st.dictionaries(st.integers(1, 20), st.integers(0, 5)))
def test_each_batch_is_judged_again_or_left_alone_for_one_reason(numbers, judged, tries):
    plan = plan_redrive(numbers, judged, TODAY, tries)
    assert sorted([*plan.batches, *plan.unchanged, *plan.given_up]) == sorted(numbers)
    assert all(judged.get(n) == (2, "b") for n in plan.unchanged)
    assert all(tries.get(n, 0) < MOST_TRIES for n in plan.batches)


def test_more_tries_can_be_asked_for():
    judged, tries = {1: (1, "a")}, {1: MOST_TRIES}
    assert plan_redrive([1], judged, TODAY, tries).given_up == (1,)
    assert plan_redrive([1], judged, TODAY, tries, MOST_TRIES + 1).batches == (1,)
