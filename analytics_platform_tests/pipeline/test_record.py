"""What a cycle publishes is written beside the tables first, once, and readers see it like any table."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import LedgerLostError
from analytics_platform.facts import Failpoint
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fold import FILES_PER_FOLD
from analytics_platform.ledger.manifest import to_json
from analytics_platform.ledger.postgres import publication
from analytics_platform.published import sql
from analytics_platform.settings import read_settings
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    REVENUE,
    SHOP,
    KilledError,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
    random_orders,
)


def recorded(parts):
    """The rows of the manifests table, newest version."""
    table = parts.tables.manifests
    table.refresh()
    return read_files(parts.query, table.uris(table.files()), table.shape.columns).sort_by("published_at").to_pylist()


def test_a_manifest_is_recorded_with_what_was_planned_of_its_batch(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], [order(2)]])) as parts:
        (manifest,) = lease(parts).manifests
        (row,) = (row for row in recorded(parts) if row["stream"])  # another tells of the cut that upkeep published
    assert json.loads(row["body"]) == to_json(manifest)
    assert (row["stream"], row["batch"], row["revision"], row["state"]) == ("orders", 1, 1, "published")
    topic_id = str(manifest.topic_id)
    assert json.loads(row["ranges"]) == [[topic_id, 0, 0, 1], [topic_id, 1, 0, 1]]
    assert row["contract_digest"] in json.loads(row["contracts"])
    assert row["run_id"] == "run" and json.loads(row["versions"])["orders/silver"] == manifest.versions["silver"]


def test_the_cut_holds_the_manifests_too_and_sql_reads_them(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        assert publication.published_versions(parts.ledger, "shop") == parts.tables.versions()
    settings = replace(read_settings(), ledger_dsn=ledger_dsn, table_dir=tmp_path)
    query = "select stream, batch from shop.manifests where stream is not null"
    found = sql(settings, catalog_of([ORDERS, REVENUE]), query).to_pylist()
    assert found == [{"stream": "orders", "batch": 1}]


@pytest.mark.parametrize("point", [Failpoint.AFTER_COMMIT, Failpoint.AFTER_DIRTY, Failpoint.AFTER_PUBLISH])
@pytest.mark.parametrize("hit", range(1, 6))
def test_a_manifest_is_recorded_once_whatever_was_killed(ledger_dsn, tmp_path, point, hit):
    kafka = kafka_with(random_orders(seed=5, count=150))
    with opened(ledger_dsn, tmp_path, kafka, kill_at(point, hit)) as parts, suppress(KilledError):
        lease(parts)
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "second")
        names = [(row["stream"], row["batch"], row["revision"]) for row in recorded(parts) if row["stream"]]
        count = parts.ledger.execute("select count(*) from manifest").fetchone()[0]
    assert len(names) == len(set(names)) == count


def test_the_manifests_are_folded(ledger_dsn, tmp_path):
    one_by_one = replace(SHOP, streams=(replace(ORDERS, batch_rows=1),))
    kafka = kafka_with([[order(n) for n in range(FILES_PER_FOLD + 3)], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=one_by_one) as parts:
        cycles = lease(parts).cycles
        assert cycles > FILES_PER_FOLD
        numbers = [row["batch"] for row in recorded(parts) if row["stream"]]
        assert sorted(numbers) == list(range(1, cycles + 1))
        assert len(parts.tables.manifests.files()) < cycles


def test_a_ledger_that_does_not_know_the_last_batch_stops_the_lease_before_it_writes(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        parts.ledger.execute("drop schema public cascade; create schema public")
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        before = {name: table.refresh() for name, table in parts.tables.written().items()}
        for attempt in range(3):  # each raises the epoch: fencing alone would let one through in the end
            with pytest.raises(LedgerLostError, match="ap ledger rebuild"):
                lease(parts, f"attempt {attempt}")
        assert {name: table.refresh() for name, table in parts.tables.written().items()} == before
