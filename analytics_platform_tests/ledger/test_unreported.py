"""The hours that a writer before published are found by its epoch; on a real Postgres."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from analytics_platform.ledger.postgres.unreported import hours_of_epoch
from analytics_platform.postgres import connect, migrate

ELEVEN = datetime(2026, 11, 1, 11, tzinfo=UTC)
TWELVE = ELEVEN + timedelta(hours=1)


@pytest.fixture
def ledger(ledger_dsn):
    with connect(ledger_dsn, application="test") as connection:
        migrate(connection)
        yield connection


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


def test_other_pipelines_streams_are_left_out(ledger):
    published(ledger, "orders", 1, ELEVEN, 7)
    assert hours_of_epoch(ledger, ["bids"], 7) == []
