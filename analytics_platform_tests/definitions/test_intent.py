"""What a run is, by its tags alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.definitions.intent import LEASE_TAG, MOST_CHARACTERS, Intent, in_short, intent_of, order_id

HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)
LEASE = {LEASE_TAG: "shop"}
PARENT = {"dagster/parent_run_id": "r0", "dagster/root_run_id": "r0"}
NATIVE = {"dagster/backfill": "abc", "dagster/asset_partition_range_start": "2026-11-01-12:00"}


def test_the_planners_runs_are_leases():
    assert intent_of(LEASE) is Intent.LEASE


def test_whatever_somebody_starts_is_a_backfill():
    assert intent_of({}) is Intent.BACKFILL
    assert intent_of(NATIVE) is Intent.BACKFILL


def test_a_repeated_lease_is_no_lease_though_dagster_copies_its_tags():
    assert intent_of(LEASE | PARENT) is Intent.RE_EXECUTE
    assert intent_of(NATIVE | PARENT) is Intent.RE_EXECUTE


def test_a_retry_of_dagsters_own_is_what_the_run_before_it_was():
    retry = PARENT | {"dagster/retry_number": "1"}
    assert intent_of(LEASE | retry) is Intent.LEASE
    assert intent_of(NATIVE | retry) is Intent.BACKFILL


def test_two_runs_of_one_backfill_for_the_same_hours_give_one_order():
    hours = [HOUR, HOUR + timedelta(hours=1)]
    assert order_id("r1", NATIVE, "shop", hours) == order_id("r2", NATIVE, "shop", hours[::-1])
    assert order_id("r1", NATIVE, "shop", hours) != order_id("r1", NATIVE, "shop", hours[:1])
    assert order_id("r1", NATIVE, "shop", hours) != order_id("r1", NATIVE, "bank", hours)


def test_a_run_of_its_own_gives_an_order_of_its_own():
    assert order_id("r1", {}, "shop", [HOUR]) == "r1"
    assert order_id("r1", NATIVE | PARENT, "shop", [HOUR]) == "r1"


def test_neighbouring_batches_are_named_as_a_span():
    batches = [("bids", 3), ("bids", 4), ("bids", 5), ("bids", 9), ("persons", 6)]
    assert in_short(batches) == "bids/3-5, bids/9, persons/6"
    assert in_short([]) == "none"


@given(st.lists(st.tuples(st.sampled_from(["bids", "auctions"]), st.integers(1, 10_000)), max_size=300))
def test_names_of_batches_stay_short(batches):
    assert len(in_short(batches)) <= MOST_CHARACTERS
