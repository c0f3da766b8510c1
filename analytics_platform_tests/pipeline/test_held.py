"""A batch that fails as a whole is held: its rows are kept apart, told of, and stop nothing else."""

from dataclasses import replace

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Outcome
from analytics_platform.lake.checks import run_checks
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.pipeline import plan_all
from analytics_platform_tests.pipeline.checked import CHECKED_ORDERS, CHECKED_SHOP
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE, kafka_with, lease, opened, order, outcomes, rows

BAD = [order(1, amount=5, minute=7), order(2, amount=-1), order(3, amount=-1)]


def verdicts(manifest):
    """By check, whether it passed."""
    return {verdict.check: verdict.passed for verdict in manifest.verdicts}


def test_a_batch_that_fails_a_check_is_held_with_all_its_rows(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([BAD, []]), pipeline=CHECKED_SHOP) as parts:
        (manifest,) = lease(parts).manifests
        assert set(outcomes(parts).values()) == {"held"} and manifest.outcomes == {Outcome.HELD: 3}
        assert {row["reason"] for row in rows(parts, "orders/exceptions").to_pylist()} == {"check mostly_good"}
        assert parts.ledger.execute("select state from batch").fetchall() == [("held",)]
        assert rows(parts, REVENUE.name).num_rows == 0
    assert verdicts(manifest)["mostly_good"] is False and manifest.is_reconciled


def test_a_held_batch_stops_only_what_depends_on_it(ledger_dsn, tmp_path):
    kafka = kafka_with([BAD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(1, amount=5, minute=7), order(4)])
        (manifest,) = lease(parts, "second").manifests
        found = outcomes(parts)
    assert manifest.outcomes == {Outcome.PUBLISHED: 2} and found[0, 3] == "published"


def test_what_a_held_batch_read_is_news_of_its_partition(ledger_dsn, tmp_path):
    kafka = kafka_with([BAD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        (held,) = lease(parts).manifests
        kafka.append(ORDERS.topic, 0, [order(4)])
        lease(parts, "second")
        (late,) = rows(parts, "orders/silver").to_pylist()
    assert held.newest_event_at[0].minute == 7 and late["late_micros"] == 7 * 60 * 1_000_000


def test_a_warning_holds_nothing_and_says_what_it_weighed(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1, amount=5000)], []]), pipeline=CHECKED_SHOP) as parts:
        (manifest,) = lease(parts).manifests
    (small,) = [verdict for verdict in manifest.verdicts if verdict.check == "small"]
    assert not small.passed and manifest.outcomes == {Outcome.PUBLISHED: 1}
    assert (small.asset, small.severity, small.values) == ("orders/silver", "warn", {"rows": 1, "max(amount)": 5000})


def test_a_failed_check_is_told_of_once(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([BAD, []]), pipeline=CHECKED_SHOP) as parts:
        lease(parts)
        told = parts.ledger.execute("select key, body -> 'failed' ->> -1 from outbox").fetchall()
    assert told == [("orders/1", "orders/silver: mostly_good")]


def test_a_batch_is_judged_by_the_contract_of_its_plan(ledger_dsn, tmp_path):
    kafka = kafka_with([BAD, []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        plan_all(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:  # the checks are gone from the declaration
        (manifest,) = lease(parts).manifests
        (batch,) = planning.batches_of_run(parts.ledger, "run")
    assert manifest.outcomes == {Outcome.HELD: 3} and manifest.contract_digest == batch.pins.contract_digest


def test_a_check_that_cannot_run_says_so(ledger_dsn, tmp_path):
    broken = replace(CHECKED_ORDERS.checks[0], holds="max(no_such_column) > 1")
    pipeline = replace(CHECKED_SHOP, streams=(replace(CHECKED_ORDERS, checks=(broken,)),))
    with (
        opened(ledger_dsn, tmp_path, kafka_with([BAD, []]), pipeline=pipeline) as parts,
        pytest.raises(DeclarationError, match="check mostly_good cannot run"),
    ):
        lease(parts)


def test_a_check_that_stumbles_over_a_value_has_failed_and_quotes_nothing(ledger_dsn, tmp_path):
    stumbling = replace(CHECKED_ORDERS.checks[0], holds="max(city::integer) > 1")
    pipeline = replace(CHECKED_SHOP, streams=(replace(CHECKED_ORDERS, checks=(stumbling,)),))
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1, city="secret")], []]), pipeline=pipeline) as parts:
        (manifest,) = lease(parts).manifests
    assert manifest.outcomes == {Outcome.HELD: 1} and "secret" not in str(manifest)


def test_rows_are_as_large_as_the_last_batches_say(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1), order(2)], []])) as parts:
        assert publication.bytes_per_row(parts.ledger, "orders") is None
        lease(parts)
        assert 50 < (publication.bytes_per_row(parts.ledger, "orders") or 0) < 500


def test_no_rows_fail_no_check(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[], []])) as parts:
        empty = rows(parts, "orders/silver")
        assert run_checks(parts.query, empty, CHECKED_ORDERS) == {}


CONTRACT = """
dataset: platform/main/orders
columns:
  - name: amount
    checks:
      - invalid: {name: amounts are small, valid_max: 1000}
      - aggregate: {function: avg, threshold: {level: warn, must_be_less_than: 500}}
"""
UNDER_CONTRACT = replace(CHECKED_SHOP, streams=(replace(ORDERS, contract=CONTRACT),))


def test_a_batch_that_breaks_its_contract_is_held_until_somebody_decides(ledger_dsn, tmp_path):
    with opened(
        ledger_dsn, tmp_path, kafka_with([[order(1), order(2, amount=5000)], []]), pipeline=UNDER_CONTRACT
    ) as p:
        (manifest,) = lease(p).manifests
        held = rows(p, "orders/exceptions").to_pylist()
        told = p.ledger.execute("select body -> 'failed' ->> 1 from outbox").fetchall()
    assert manifest.outcomes == {Outcome.HELD: 2} and rows_of_no(held) == {"check columns_amount_checks_invalid"}
    assert verdicts(manifest)["columns_amount_checks_aggregate"] is False  # a warning, which holds nothing
    assert told == [("orders/silver: columns_amount_checks_invalid",)]


def test_a_batch_is_judged_by_the_text_that_its_contract_had_when_it_was_planned(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2, amount=5000)], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=UNDER_CONTRACT) as parts:
        plan_all(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:  # the contract is gone meanwhile
        (manifest,) = lease(parts).manifests
    assert manifest.outcomes == {Outcome.HELD: 2}


def rows_of_no(held):
    """The reasons of rows that are kept back."""
    return {row["reason"] for row in held}
