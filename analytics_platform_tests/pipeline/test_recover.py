"""Postgres is lost at some point; the ledger is rebuilt from the tables, and the end is that of a run without it."""

from contextlib import suppress
from dataclasses import replace

import pytest

from analytics_platform.errors import LedgerError
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import contracts, dirty, planning, publication, timers
from analytics_platform.pipeline.recover import lost_for_good, rebuild_ledger, survey
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    SHOP,
    KilledError,
    content,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    random_orders,
)

INSIDE_A_LEASE = [point for point in Failpoint if point is not Failpoint.AFTER_EVENT]
SMALL = replace(SHOP, streams=(replace(ORDERS, batch_rows=40),))


def lose_ledger(parts):
    """Postgres comes back with nothing in it."""
    parts.ledger.execute("drop schema public cascade; create schema public")


def clean_content(dsn, folder, logs):
    """What tables hold after all of it, in two leases that nothing disturbed."""
    kafka = kafka_with(logs)
    with opened(dsn, folder, kafka, pipeline=SMALL) as parts:
        lease(parts)
        found = content_at_the_end(parts)
        lose_ledger(parts)
    return found


def content_at_the_end(parts):
    """Content once nothing more can come: no late row waits for others."""
    timers.end_stream(parts.ledger, "orders")
    lease(parts, "last")
    return content(parts)


@pytest.mark.parametrize("hit", [1, 2, 5, 8])
@pytest.mark.parametrize("point", INSIDE_A_LEASE)
def test_after_a_loss_anywhere_a_rebuilt_ledger_goes_on_exactly_once(ledger_dsn, tmp_path, point, hit):
    logs = random_orders(seed=7, count=200)
    clean = clean_content(ledger_dsn, tmp_path / "clean", logs)
    kafka = kafka_with([log[:60] for log in logs])
    with opened(ledger_dsn, tmp_path / "hurt", kafka, pipeline=SMALL) as parts:
        lease(parts)
    for partition, log in enumerate(logs):
        kafka.append(ORDERS.topic, partition, log[60:])
    with (
        suppress(KilledError),
        opened(ledger_dsn, tmp_path / "hurt", kafka, kill_at(point, hit), pipeline=SMALL) as parts,
    ):
        lease(parts, "killed")
    with opened(ledger_dsn, tmp_path / "hurt", kafka, pipeline=SMALL) as parts:
        lose_ledger(parts)
    with opened(ledger_dsn, tmp_path / "hurt", kafka, pipeline=SMALL) as parts:
        rebuild_ledger(survey(parts), parts)
        lease(parts, "afterwards")
        assert content_at_the_end(parts) == clean
        assert not planning.open_batches(parts.ledger, ["orders"]) and not dirty.is_any(parts.ledger, ["revenue"])
        ends = dict(enumerate(map(len, kafka.topics[ORDERS.topic].logs)))
        assert planning.frontier(parts.ledger, "orders", kafka.topics[ORDERS.topic].id) == ends


FACTS = {
    "batch": "stream, number, hour, state, reader_schema_id, contract_digest, planned_at, landed_rows",
    "batch_range": "stream, number, topic_id, partition, start_offset, end_offset",
    "batch_run": "run_id, stream, number",
    "manifest": "stream, number, revision, hour, published_at, body",
    "contract": "digest, stream, body",
    "frontier": "stream, topic_id, partition, next_offset",
    "watermark": "stream, at",
}


def facts(parts):
    """What the ledger says, by table."""
    rows = {
        table: parts.ledger.execute(f"select {names} from {table} order by {names}").fetchall()
        for table, names in FACTS.items()
    }
    return rows | {"cut": sorted(publication.published_versions(parts.ledger, "shop"))}


def test_a_rebuilt_ledger_says_what_the_lost_one_said(ledger_dsn, tmp_path):
    kafka = kafka_with(random_orders(seed=9, count=150))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL) as parts:
        lease(parts)
        before, epoch = facts(parts), parts.ledger.execute("select epoch from pipeline").fetchone()[0]
        lose_ledger(parts)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL) as parts:
        rebuild_ledger(survey(parts), parts)
        assert facts(parts) == before
        assert parts.ledger.execute("select epoch from pipeline").fetchone()[0] > epoch
        digest = before["contract"][0][0]
        assert contracts.contract(parts.ledger, digest)["rules"]


def test_models_are_recomputed_once_and_end_as_they_were(ledger_dsn, tmp_path):
    kafka = kafka_with(random_orders(seed=9, count=150))
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        before = content_at_the_end(parts)
        lose_ledger(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        rebuild_ledger(survey(parts), parts)
        assert dirty.is_any(parts.ledger, ["revenue"])
        lease(parts, "afterwards")
        assert content(parts) == before and not dirty.is_any(parts.ledger, ["revenue"])


def test_a_ledger_that_holds_facts_is_not_rebuilt(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        with pytest.raises(LedgerError, match="only an empty one is rebuilt"):
            survey(parts)


def test_what_planners_recorded_meanwhile_is_forgotten(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], [order(2)]])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        before = facts(parts)
        lose_ledger(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        with pytest.raises(LedgerError):
            lease(parts, "plans from the beginning")
        rebuild_ledger(survey(parts), parts)
        assert facts(parts) == before


def test_tables_without_a_record_are_refused(ledger_dsn, tmp_path):
    with (
        opened(ledger_dsn, tmp_path, kafka_with([[], []])) as parts,
        pytest.raises(LedgerError, match="nothing to rebuild from"),
    ):
        survey(parts)


def test_a_rebuild_may_be_killed_and_repeated(ledger_dsn, tmp_path):
    kafka = kafka_with(random_orders(seed=9, count=150))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL) as parts:
        lease(parts)
        before = facts(parts)
        lose_ledger(parts)

    def die(sentence):
        if sentence.startswith("ledger: "):
            raise KilledError

    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL) as parts, pytest.raises(KilledError):
        rebuild_ledger(survey(parts), parts, die)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL) as parts:
        rebuild_ledger(survey(parts), parts)
        assert facts(parts) == before


def test_what_kafka_no_longer_has_is_named_before_it_is_dropped(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
    kafka.append(ORDERS.topic, 0, [order(2), order(3)])
    with suppress(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(Failpoint.AFTER_DIRTY, 1)) as parts:
        lease(parts, "killed")
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lose_ledger(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        found = survey(parts)
        assert [(u.batch, u.rows, u.first) for u in found.unrecorded] == [(2, 2, {0: 1})]
        assert lost_for_good(found, parts) == []
        kafka.delete_before(ORDERS.topic, 0, 2)
        assert lost_for_good(found, parts) == [
            "batch orders/2: orders-topic-0 from offset 1 on, Kafka has it from 2 on"
        ]
