"""What the broker no longer has is a known gap with an alarm, and what is landed does not depend on it."""

import pytest

from analytics_platform.errors import BronzeLostError, OffsetsLostError
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.pipeline import plan_all
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    KilledError,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    outcomes,
)


def test_offsets_that_retention_took_are_a_known_gap(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(2), order(3)])
        kafka.delete_before(ORDERS.topic, 0, 2)
        lease(parts, "second")
        assert sorted(outcomes(parts)) == [(0, 0), (0, 2)]
        assert parts.ledger.execute("select start_offset, end_offset from lost_range").fetchall() == [(1, 2)]


def plan_only(parts):
    """Record what is there as batches, and read nothing."""
    plan_all(parts)
    return planning.open_batches(parts.ledger, ["orders"])


def test_offsets_that_retention_took_after_they_were_planned_are_gaps_with_an_alarm(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2), order(3)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        plan_only(parts)
        kafka.delete_before(ORDERS.topic, 0, 2)
        (manifest,) = lease(parts).manifests
        assert (manifest.offsets, manifest.rows, manifest.gaps) == (3, 1, 2)
        assert sorted(outcomes(parts)) == [(0, 2)]
        assert parts.ledger.execute("select start_offset, end_offset from lost_range").fetchall() == [(0, 2)]
        alarms = parts.ledger.execute("select key from outbox where kind = 'offsets lost'").fetchall()
    assert alarms == [("orders",)]


def test_a_recreated_topic_does_not_block_its_stream(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        plan_only(parts)
        kafka.create(ORDERS.topic, ORDERS.partitions)
        kafka.append(ORDERS.topic, 1, [order(3)])
        first, second = lease(parts).manifests
        assert (first.rows, first.gaps, second.rows) == (0, 2, 1)
        assert sorted(outcomes(parts)) == [(1, 0)]


def test_a_log_that_was_cut_below_the_frontier_leaves_an_alarm(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        del kafka.topics[ORDERS.topic].logs[0][1:]
        lease(parts, "second")
        lease(parts, "third")
        alarms = parts.ledger.execute("select body from outbox where kind = 'log shortened'").fetchall()
    assert alarms == [({"partition": 0, "planned_to": 2},)]


@pytest.mark.parametrize("trouble", ["retention", "recreated"])
def test_what_is_landed_is_never_read_again(ledger_dsn, tmp_path, trouble):
    kafka = kafka_with([[order(1), order(2), order(3)], []])
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(Failpoint.AFTER_COMMIT, 1)) as parts:
        lease(parts)
    if trouble == "retention":
        kafka.delete_before(ORDERS.topic, 0, 3)
    else:
        kafka.create(ORDERS.topic, ORDERS.partitions)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "second")
        assert sorted(outcomes(parts)) == [(0, 0), (0, 1), (0, 2)]
        assert parts.ledger.execute("select count(*) from lost_range").fetchone() == (0,)


def test_rows_that_vanish_from_bronze_are_not_published_as_gaps(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(Failpoint.AFTER_DIRTY, 1)) as parts:
        lease(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        bronze = parts.tables.by_name["orders/bronze"]
        bronze.drop(bronze.files(), epoch=99)
        parts.ledger.execute("update pipeline set epoch = 99")
        with pytest.raises(BronzeLostError, match="2 rows were landed, bronze holds 0"):
            lease(parts, "second")
        assert publication.published_versions(parts.ledger, "shop") == {}


def test_offsets_beyond_the_end_of_the_log_wait_for_a_person(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        plan_only(parts)
        del kafka.topics[ORDERS.topic].logs[0][1:]
        with pytest.raises(OffsetsLostError, match="the batch waits for it"):
            lease(parts)
        assert len(planning.open_batches(parts.ledger, ["orders"])) == 1


def test_offsets_without_a_record_count_as_gaps(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1), None, None, order(2)], []])) as parts:
        report = lease(parts)
    assert [(m.offsets, m.rows, m.gaps) for m in report.manifests] == [(4, 2, 2)]
