"""`ap batch` on a real ledger: what is there, and what a person decides."""

import getpass
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from click.testing import CliRunner

from analytics_platform.cli.batch import command
from analytics_platform.errors import DeclarationError, LedgerError
from analytics_platform.facts import OffsetRange, Pins
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres import rework as orders
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.ledger.rework import OrderRefusedError
from analytics_platform.postgres import connect

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_dsn):
    """bids/1 is published, bids/2 held, bids/3 planned."""
    with connect(ledger_dsn, application="test") as connection:
        ensure_pipeline(connection, "auction_house")
        for number in range(3):
            ranges = [OffsetRange(topic_id=UUID(int=1), partition=0, start=number, end=number + 1)]
            planning.record(connection, "auction_house", "bids", ranges, Pins(reader_schema_id=1), NOW)
        connection.execute("update batch set state = 'published' where number = 1")
        connection.execute("update batch set state = 'held' where number = 2")
        yield connection


@pytest.fixture
def ap(ledger, ledger_dsn, tmp_path):
    """Runs `ap batch …`; raises what it raises."""
    environment = {"AP_LEDGER_DSN": ledger_dsn, "AP_STATE_DIR": str(tmp_path)}

    def run(*arguments):
        return CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)

    return run


def test_held_batches_are_found(ap):
    said = json.loads(ap("list", "--state", "held", "--json").output)
    assert [row["batch"] for row in said] == ["bids/2"]


@pytest.mark.parametrize("verb", ["release", "discard", "rerun"])
def test_an_order_is_given_once_and_says_who_and_why(ap, ledger, verb):
    said = ap(verb, "bids/2", "--reason", "known spike", "--by", "ada", "--no-wait", "--json")
    order = json.loads(said.stdout)
    by = f"ada, says {getpass.getuser()}"
    assert (order["kind"], order["requested_by"], order["reason"], order["batches"]) == (verb, by, "known spike", 1)
    assert [o.id for o in orders.open_orders(ledger, "auction_house")] == [order["id"]] and said.exit_code == 0


def test_a_reason_is_required(ap):
    assert ap("release", "bids/2").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("release", "bids/1"), "cannot release bids/1: it is published"),
        (("discard", "bids/3"), "cannot discard bids/3: it is planned"),
        (("rerun", "bids/9"), "there is no such batch"),
    ],
)
def test_what_makes_no_sense_is_refused(ap, ledger, arguments, problem):
    with pytest.raises(OrderRefusedError, match=problem):
        ap(*arguments, "--reason", "x")
    assert not orders.is_open(ledger, "auction_house")


def test_a_stream_that_nobody_declared_is_refused(ap):
    with pytest.raises(DeclarationError, match="is not declared"):
        ap("discard", "nothing/1", "--reason", "x")


def test_a_batch_that_is_not_judged_has_no_manifest(ap):
    with pytest.raises(LedgerError, match="is not published"):
        ap("show", "bids/3")
