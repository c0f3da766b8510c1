"""The hours that a writer before published are found by its epoch; on a real Postgres."""

from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from analytics_platform.ledger.postgres import unreported
from analytics_platform.ledger.postgres.unreported import MOST_HOURS, hours_of_epoch, hours_without_data

TEN = datetime(2026, 11, 1, 10, tzinfo=UTC)
ELEVEN = datetime(2026, 11, 1, 11, tzinfo=UTC)
TWELVE = ELEVEN + timedelta(hours=1)


def published(ledger, stream, number, hour, epoch):
    ledger.execute(
        "insert into manifest (stream, number, revision, hour, published_at, body) values (%s, %s, 1, %s, %s, %s)",
        [stream, number, hour, hour, Jsonb({"epoch": epoch})],
    )


def test_the_hours_of_an_epoch_are_found_over_all_of_its_streams(ledger):
    published(ledger, "bids", 1, ELEVEN - timedelta(hours=1), 6)
    published(ledger, "bids", 2, ELEVEN, 7)
    published(ledger, "bids", 3, ELEVEN, 7)
    published(ledger, "persons", 1, TWELVE, 7)
    published(ledger, "bids", 4, TWELVE, 8)
    assert hours_of_epoch(ledger, ["bids", "persons"], 7) == [ELEVEN, TWELVE]


def test_they_are_found_behind_all_that_the_writer_after_it_has_published(ledger, monkeypatch):
    monkeypatch.setattr(unreported, "PAGE", 2)
    for number, (hour, epoch) in enumerate([(TEN, 6), (ELEVEN, 7), (TWELVE, 7), *[(TWELVE, 8)] * 5], 1):
        published(ledger, "bids", number, hour, epoch)
    assert hours_of_epoch(ledger, ["bids"], 7) == [ELEVEN, TWELVE]


def test_other_pipelines_streams_are_left_out(ledger):
    published(ledger, "orders", 1, ELEVEN, 7)
    assert hours_of_epoch(ledger, ["bids"], 7) == []


def planned(ledger, stream, number, hour):
    ledger.execute(
        "insert into batch (stream, number, hour, state, reader_schema_id, contract_digest, planned_at)"
        " values (%s, %s, %s, 'planned', 1, '', %s)",
        [stream, number, hour, hour],
    )


def test_hours_between_two_batches_are_without_data(ledger):
    planned(ledger, "bids", 1, ELEVEN - timedelta(hours=3))
    planned(ledger, "bids", 2, TWELVE)
    planned(ledger, "orders", 1, ELEVEN)
    assert hours_without_data(ledger, ["bids"], TWELVE) == [ELEVEN - timedelta(hours=back) for back in (2, 1, 0)]
    assert hours_without_data(ledger, ["bids", "orders"], TWELVE) == []


def test_they_are_told_of_once_an_hour(ledger):
    planned(ledger, "bids", 1, ELEVEN - timedelta(hours=3))
    published(ledger, "bids", 2, TWELVE, 7)
    assert hours_without_data(ledger, ["bids"], TWELVE) == []


def test_nothing_is_told_before_the_first_batch_nor_of_more_than_a_week(ledger):
    assert hours_without_data(ledger, ["bids"], TWELVE) == []
    planned(ledger, "bids", 1, ELEVEN - timedelta(days=30))
    assert len(hours_without_data(ledger, ["bids"], TWELVE)) == MOST_HOURS
