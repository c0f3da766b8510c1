"""An hour is taken up where it was left, and is the same as if it were read from its beginning; on a real Postgres."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.definitions.hours import sum_hour
from analytics_platform.definitions.so_far import hour_now
from analytics_platform.ledger.postgres import hour_so_far, publication
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.postgres import connect
from analytics_platform_tests.definitions.test_hours import HOUR, manifest


@pytest.fixture
def ledger(ledger_dsn):
    with connect(ledger_dsn, application="test") as connection:
        leases.ensure_pipeline(connection, "p")
        yield connection


def publish(ledger, *manifests):
    with leases.taken(ledger, "p", "run", HOUR) as lease:
        cycle = publication.Cycle(manifests=manifests, versions={}, seen_marks={}, published_at=HOUR)
        publication.publish(ledger, lease, cycle)


def all_at_once(ledger, hour=HOUR):
    return sum_hour(publication.manifests_of_hours(ledger, ["orders"], [hour]))


def test_batches_that_come_later_are_added_to_what_was_kept(ledger):
    publish(ledger, manifest(1), manifest(2, passed=False))
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)
    publish(ledger, manifest(3, too_late={"revenue": 2}))
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)
    assert hour_now(ledger, "orders", HOUR).batches == 3


def test_what_was_kept_is_not_read_again(ledger):
    publish(ledger, manifest(1), manifest(2))
    hour_now(ledger, "orders", HOUR)
    publish(ledger, manifest(3))
    kept = hour_so_far.kept(ledger, "orders", HOUR)
    assert kept is not None
    found, _ = hour_so_far.manifests_after(ledger, "orders", HOUR, kept.place)
    assert [one.batch.number for one in found] == [3]
    ledger.execute("""update hour_so_far set body = jsonb_set(body, '{rows}', '1000')""")
    assert hour_now(ledger, "orders", HOUR).rows == 1009


def test_who_knows_less_does_not_overwrite_who_knows_more(ledger):
    publish(ledger, manifest(1), manifest(2))
    hour_now(ledger, "orders", HOUR)
    kept = hour_so_far.kept(ledger, "orders", HOUR)
    assert kept is not None
    hour_so_far.keep(ledger, "orders", HOUR, replace(kept, place=kept.place - 1, body={}), HOUR)
    assert hour_so_far.kept(ledger, "orders", HOUR) == kept


def test_a_batch_that_is_judged_again_counts_once_and_as_it_is_now(ledger):
    publish(ledger, manifest(1), manifest(2, passed=False))
    assert hour_now(ledger, "orders", HOUR).checks[0].failing == ("orders/2",)
    publish(ledger, replace(manifest(2), revision=2), manifest(3))
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)
    assert hour_now(ledger, "orders", HOUR).batches == 3 and hour_now(ledger, "orders", HOUR).checks[0].passed


def test_a_batch_first_seen_in_its_second_revision_counts_once(ledger):
    publish(ledger, manifest(1))
    publish(ledger, replace(manifest(1), revision=2))
    assert hour_now(ledger, "orders", HOUR).batches == 1
    publish(ledger, manifest(2))
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)


def test_hours_do_not_mix(ledger):
    later = HOUR + timedelta(hours=1)
    publish(ledger, manifest(1), replace(manifest(2), hour=later))
    assert hour_now(ledger, "orders", HOUR).batches == hour_now(ledger, "orders", later).batches == 1


@pytest.mark.parametrize(
    "change",
    [
        """body - 'rows'""",
        """body || '{"more": 1}'""",
        """jsonb_set(body, '{outcomes}', '{"renamed": 1}')""",
        """jsonb_set(body, '{checks}', '[{"asset": "a"}]')""",
    ],
)
def test_what_another_version_kept_is_read_from_the_manifests_and_kept_anew(ledger, change):
    publish(ledger, manifest(1))
    hour_now(ledger, "orders", HOUR)
    before = hour_so_far.kept(ledger, "orders", HOUR)
    ledger.execute(f"update hour_so_far set body = {change}")
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)
    assert hour_so_far.kept(ledger, "orders", HOUR) == before
    publish(ledger, manifest(2))
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)


def test_of_an_hour_without_batches_nothing_is_kept(ledger):
    assert hour_now(ledger, "orders", HOUR).batches == 0
    assert hour_so_far.hours(ledger, ["orders"]) == set()


def test_hours_are_forgotten_after_a_day(ledger):
    tomorrow = HOUR + timedelta(hours=25)
    publish(ledger, manifest(1), replace(manifest(2), hour=tomorrow))
    hour_now(ledger, "orders", HOUR)
    hour_now(ledger, "orders", tomorrow)
    assert hour_so_far.hours(ledger, ["orders"]) == {tomorrow}
    assert hour_now(ledger, "orders", HOUR) == all_at_once(ledger)
