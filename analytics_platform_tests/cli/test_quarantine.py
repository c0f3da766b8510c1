"""`ap quarantine` on real tables and a real ledger: what is there, and what becomes of it."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from analytics_platform.catalog import catalog_of
from analytics_platform.cli.quarantine import command
from analytics_platform.cli.quarantine_rows import Asked, Exceptions
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import BatchId, Outcome, Pins
from analytics_platform.ledger import contract
from analytics_platform.ledger.postgres.quarantine import dismiss, judged_by, tries
from analytics_platform.ledger.redrive import plan_redrive
from analytics_platform.ledger.rework import Kind
from analytics_platform.product import Rule
from analytics_platform.settings import read_settings
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.pipeline.ordered import is_worked_off, rework
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE, kafka_with, lease, opened, order, outcomes

NOW = datetime(2026, 11, 1, 13, tzinfo=UTC)
BROKEN = FakeRecord(value=b"\xff\x00", headers=order(9).headers, at_ms=order(9, minute=3).at_ms)
LOG = [order(1, amount=5), order(2, amount=-1), order(3, amount=-2, minute=2), BROKEN]
FIRST = BatchId(stream="orders", number=1)
RULE = "rule amount_is_positive"
MENDED = replace(ORDERS, rules=(Rule(name="amount_is_known", holds="amount is not null"),))


def asked(**given):
    nothing = Asked(streams=(), reason=None, outcome=Outcome.QUARANTINED, batches=(), since=None, until=None)
    return replace(nothing, **given)


@pytest.fixture
def shop(ledger_dsn, tmp_path):
    """orders/1 with three quarantined rows of four, orders/2 with one."""
    kafka = kafka_with([LOG, []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(4, amount=-3)])
        lease(parts, "second")
        settings = replace(read_settings(), ledger_dsn=ledger_dsn, table_dir=tmp_path)
        yield Exceptions(settings, catalog_of([ORDERS, REVENUE]), parts.ledger), parts, kafka


def test_every_row_is_counted_by_reason_with_its_batches(shop):
    exceptions, *_ = shop
    rules, *others = exceptions.by_reason(asked())
    assert (rules["stream"], rules["reason"], rules["rows"], rules["batches"]) == ("orders", RULE, 3, 2)
    assert (rules["first"], rules["last"]) == (1, 2) and [group["rows"] for group in others] == [1]


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"reason": "amount"}, 3),
        ({"batches": (FIRST,)}, 3),
        ({"since": order(1, minute=2).at_ms}, 2),
        ({"until": order(1, minute=2).at_ms}, 2),
        ({"outcome": Outcome.HELD}, 0),
        ({"streams": ("orders",), "reason": "it's"}, 0),
    ],
)
def test_filters_take_away(shop, given, rows):
    exceptions, *_ = shop
    given = {n: datetime.fromtimestamp(v / 1000, UTC) if n in ("since", "until") else v for n, v in given.items()}
    assert sum(group["rows"] for group in exceptions.by_reason(asked(**given))) == rows


def test_a_stream_that_nobody_declared_is_refused(shop):
    with pytest.raises(DeclarationError, match="is not declared"):
        shop[0].by_reason(asked(streams=("nothing",)))


def test_a_row_is_shown_with_its_place_its_bytes_and_the_rule_of_then(shop):
    exceptions, *_ = shop
    first, _, broken = exceptions.shown(ORDERS, asked(batches=(FIRST,)), 10)
    assert (first["batch"], first["partition"], first["offset"]) == (1, 0, 1)
    assert (first["reason"], first["rule"]) == (RULE, "amount > 0")
    assert json.loads(first["value"])["amount"] == -1 and "value" not in broken
    assert base64.b64decode(broken["value_base64"]) == BROKEN.value


def test_what_is_given_up_asks_for_no_decision_and_is_kept(shop):
    exceptions, parts, _ = shop
    groups = exceptions.by_batch(ORDERS, asked(reason="amount"))
    assert dismiss(parts.ledger, "orders", groups, "ada", "a load test", NOW) == 2
    assert dismiss(parts.ledger, "orders", groups, "ada", "again", NOW) == 0
    assert [group["rows"] for group in exceptions.by_reason(asked())] == [1]
    assert sum(group["rows"] for group in exceptions.by_reason(asked(), all_=True)) == 4


def test_a_redrive_by_a_mended_rule_lets_rows_in_where_they_are_and_a_second_one_has_nothing_to_do(
    ledger_dsn, tmp_path, shop
):
    exceptions, _, kafka = shop
    numbers = [group.number for group in exceptions.by_batch(ORDERS, asked(reason="amount"))]
    declared = catalog_of([MENDED, REVENUE])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=declared.pipelines["shop"]) as parts:
        assert plan(parts, numbers).batches == (1, 2)
        rework(parts, Kind.REDRIVE, 1, 2)
        found = outcomes(parts)
        assert [found[0, n] for n in range(5)] == ["published"] * 3 + ["quarantined", "published"]
        assert is_worked_off(parts) and plan(parts, numbers).unchanged == (1, 2)
        assert tries(parts.ledger, "orders", numbers) == {1: 1, 2: 1}


def plan(parts, numbers):
    pins = Pins(reader_schema_id=1, contract_digest=contract.digest(parts.pipeline.stream("orders")))
    judged = judged_by(parts.ledger, "orders", numbers)
    return plan_redrive(numbers, judged, pins, tries(parts.ledger, "orders", numbers))


@pytest.fixture
def ap(ledger_dsn, tmp_path):
    """Runs `ap quarantine …` on an instance that has published nothing."""
    environment = {"AP_LEDGER_DSN": ledger_dsn, "AP_STATE_DIR": str(tmp_path)}
    return lambda *arguments: CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)


def test_where_nothing_is_published_nothing_is_found(ap):
    assert json.loads(ap("list", "--json").output) == json.loads(ap("show", "--json").output) == []
    said = ap("discard", "--stream", "bids", "--reason", "x", "--dry-run", "--json")
    assert json.loads(said.output)["rows"] == 0
    assert ap("redrive", "--reason", "x").exit_code == 2, "one stream at a time"
    assert "batches to judge again: 0" in ap("redrive", "--stream", "bids", "--reason", "x").output
