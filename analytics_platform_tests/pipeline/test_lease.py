"""A lease on a real ledger and real tables: each row has one outcome, whatever was killed or how it was cut."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from analytics_platform.facts import Failpoint, StreamSchemas
from analytics_platform.ledger.postgres import dirty, planning, publication
from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.pipeline import plan_all, upkeep
from analytics_platform.pipeline.parts import Tables
from analytics_platform.product import Rule
from analytics_platform_tests.pipeline.orders import (
    HOUR,
    ORDERS,
    PROPERTIES,
    READER,
    REVENUE,
    SCHEMA,
    SHOP,
    START,
    KilledError,
    content,
    finish,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    outcomes,
    random_orders,
    rows,
)

INSIDE_A_LEASE = [point for point in Failpoint if point is not Failpoint.AFTER_EVENT]


def clean_run(dsn, folder, kafka):
    """The content after a lease that nothing disturbed; the ledger is empty again afterwards."""
    with opened(dsn, folder, kafka) as parts:
        lease(parts)
        finish(parts)
        parts.ledger.execute("set session_replication_role = replica")  # nothing else empties facts
        parts.ledger.execute(
            "truncate batch_range, batch_run, batch, frontier, dirty, timer, watermark, publication, pipeline,"
            " manifest, outbox cascade"
        )
        return content(parts)


def test_each_row_has_one_outcome(ledger_dsn, tmp_path):
    logs = [[order(1), order(2), order(1), order(2, amount=9), order(3, amount=-1)], [order(4, minute=2)]]
    with opened(ledger_dsn, tmp_path, kafka_with(logs)) as parts:
        report = lease(parts)
        found = outcomes(parts)
        revenue = {row["minute"].minute: row["revenue"] for row in rows(parts, "revenue").to_pylist()}
    assert [found[0, offset] for offset in range(5)] == [
        "published",
        "published",
        "duplicate",
        "conflict",
        "quarantined",
    ]
    assert found[1, 0] == "published" and revenue == {0: 2, 2: 1}
    assert all(manifest.is_reconciled for manifest in report.manifests)


def test_a_duplicate_in_a_later_batch_names_its_winner(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(2), order(1)])
        lease(parts, "second")
        (loser,) = rows(parts, "orders/exceptions").to_pylist()
    assert (loser["outcome"], loser["winner_partition"], loser["winner_offset"]) == ("duplicate", 0, 0)


def test_a_late_row_changes_the_grain_that_is_already_there(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1, amount=5)], [order(2, minute=3)]])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        kafka.append(ORDERS.topic, 0, [order(3, amount=7)])
        lease(parts, "second")
        revenue = {row["minute"].minute: row["revenue"] for row in rows(parts, "revenue").to_pylist()}
    assert revenue == {0: 12, 3: 1}


@pytest.mark.parametrize("rows_per_batch", [1, 7])
def test_the_cut_into_batches_does_not_change_content(ledger_dsn, tmp_path, rows_per_batch):
    kafka = kafka_with(random_orders(seed=11, count=60))
    whole = clean_run(ledger_dsn, tmp_path / "whole", kafka)
    cut = replace(SHOP, streams=(replace(ORDERS, batch_rows=rows_per_batch),))
    with opened(ledger_dsn, tmp_path / "cut", kafka, pipeline=cut) as parts:
        assert lease(parts).cycles > 1
        finish(parts)
        assert content(parts) == whole


@pytest.mark.parametrize("hit", [1, 3])
@pytest.mark.parametrize("point", INSIDE_A_LEASE)
def test_a_worker_killed_anywhere_leaves_the_content_of_a_clean_run(ledger_dsn, tmp_path, point, hit):
    kafka = kafka_with(random_orders(seed=11, count=300))
    clean = clean_run(ledger_dsn, tmp_path / "clean", kafka)
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path / "hurt", kafka, kill_at(point, hit)) as parts:
        lease(parts)
    with opened(ledger_dsn, tmp_path / "hurt", kafka) as parts:
        lease(parts, "second")
        finish(parts)
        assert content(parts) == clean
        assert planning.frontier(parts.ledger, "orders", kafka.topics[ORDERS.topic].id) == dict(
            enumerate(map(len, kafka.topics[ORDERS.topic].logs))
        )
        assert not planning.open_batches(parts.ledger, ["orders"]) and not dirty.is_any(parts.ledger, ["revenue"])


def test_a_second_run_over_the_same_log_changes_nothing(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with(random_orders(seed=3, count=50))) as parts:
        lease(parts)
        before = parts.tables.versions()
        report = lease(parts, "second")
    assert report.cycles == 0 and parts.tables.versions() == before


def test_what_is_public_is_what_was_published_last(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        assert publication.published_versions(parts.ledger, "shop") == parts.tables.versions()


def test_nothing_new_is_planned_while_ingestion_is_held(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        planning.hold_ingestion(parts.ledger, "disk full")
        assert lease(parts).cycles == 0
        planning.release_ingestion(parts.ledger, "disk full")
        assert lease(parts, "second").cycles == 1


def test_a_lease_goes_on_over_a_broker_that_is_away_for_a_moment(ledger_dsn, tmp_path):
    kafka, pauses = kafka_with([[order(1)], []]), []
    kafka.is_up = False

    def pause(seconds):
        pauses.append(seconds)
        kafka.is_up = len(pauses) >= 3

    with opened(ledger_dsn, tmp_path, kafka) as parts:
        report = lease(replace(parts, pause=pause))
    assert [m.rows for m in report.manifests] == [1] and len(pauses) >= 3


def test_a_model_that_keeps_none_of_its_rows_has_none(ledger_dsn, tmp_path):
    picky = replace(REVENUE, sql=REVENUE.sql.replace("group by", "where amount > 1000 group by"))
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []]), pipeline=replace(SHOP, models=(picky,))) as parts:
        lease(parts)
        assert rows(parts, "revenue").num_rows == 0


def test_a_row_that_makes_a_rule_fail_is_quarantined_and_its_value_told_to_nobody(ledger_dsn, tmp_path):
    strict = replace(ORDERS, rules=(Rule(name="isn't text", holds="city::int > 0"),))
    pipeline = replace(SHOP, streams=(strict,))
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1, city="7"), order(2)], []]), pipeline=pipeline) as parts:
        lease(parts)
        (refused,) = rows(parts, "orders/exceptions").to_pylist()
    assert (refused["offset"], refused["reason"]) == (1, "rule isn't text")


def test_upkeep_leaves_the_published_cut_and_open_batches_alone(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(Failpoint.AFTER_DIRTY, 1)) as parts:
        kafka.append(ORDERS.topic, 0, [order(2)])
        lease(parts, "killed")
    later = START.replace(year=2030)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        aged = replace(parts, now=lambda: later, limits=replace(parts.limits, retention=timedelta(days=30)))
        with taken(aged.ledger, "shop", "upkeep", later) as held:
            for table in aged.tables.by_name.values():
                table.refresh()
            upkeep.clean(aged, held)
        assert [r["batch"] for r in rows(parts, "orders/bronze").to_pylist()] == [2]
        lease(parts, "last")
        assert [r["batch"] for r in rows(parts, "orders/silver").to_pylist()] == [2]


def test_a_batch_is_judged_with_the_schema_that_was_pinned_when_it_was_planned(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        plan_all(parts)
        demanding = {**SCHEMA, "required": ["city", "amount", "at", "clerk"]}
        demanding["properties"] = {**PROPERTIES, "clerk": {"type": "string"}}
        newer = replace(READER, id=2, version=2, guid=UUID(int=2), text=json.dumps(demanding))
        schemas = {"orders": StreamSchemas(stream="orders", reader=newer, writers={1: READER, 2: newer})}
        tables = Tables.open(tmp_path / "newer", parts.pipeline, schemas)
        lease(replace(parts, schemas=schemas, tables=tables))
        (row,) = rows(replace(parts, tables=tables), "orders/silver").to_pylist()
    assert (row["city"], row["clerk"]) == ("Graz", None)


def test_what_waits_while_nobody_works_becomes_one_batch(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        for number in range(2, 6):
            plan_all(parts)
            kafka.append(ORDERS.topic, 0, [order(number)])
        lease(parts)
        offsets = [batch.offsets for batch in planning.batches_of_run(parts.ledger, "run")]
    assert offsets == [1, 4]


def test_a_manifest_says_how_it_was_judged(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        (manifest,) = lease(parts).manifests
        assert publication.manifest_of(parts.ledger, "orders", 1) == manifest
    ours = {"reconciled", "unique_id", "freshness"}
    of_schemas = {"schema_ids_known", "schema_compatible", "table_is_reader_schema", "deprecated_share"}
    assert {verdict.check for verdict in manifest.verdicts} == ours | of_schemas
    assert manifest.newest_event_at == {0: HOUR} and set(manifest.hashes) == {"bronze", "silver", "exceptions"}
