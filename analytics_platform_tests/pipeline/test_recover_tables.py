"""Half-written commits: an unseen one is set aside and its cycle repeated, one that readers saw is refused."""

import os
from pathlib import Path

import pytest

from analytics_platform.errors import DamagedTableError, UnrepairableError
from analytics_platform.facts import Failpoint
from analytics_platform.lake.delta_log import LOG, last_version
from analytics_platform.ledger.postgres import publication
from analytics_platform.pipeline.recover_tables import findings, repair_log, shapes_of
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    SCHEMAS,
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
from analytics_platform_tests.pipeline.test_recover import content_at_the_end, lose_ledger

SHAPES = shapes_of(SHOP, SCHEMAS)


def last_commit(folder, table):
    root = folder / table
    return root / LOG / f"{last_version(root):020}.json"


def cut_off(path):
    path.write_text(path.read_text()[:-40])


def found(folder, table, *, deep=False):
    return [(finding.fault, finding.holds) for finding in findings(folder, SHAPES[table], deep=deep)]


@pytest.mark.parametrize(("table", "hit"), [("orders/bronze", 1), ("orders/exceptions", 2), ("orders/silver", 3)])
def test_a_commit_that_nobody_was_shown_is_set_aside_and_its_cycle_repeated(ledger_dsn, tmp_path, table, hit):
    logs = random_orders(seed=2, count=90)
    with opened(ledger_dsn, tmp_path / "clean", kafka_with(logs)) as parts:
        lease(parts)
        clean = content_at_the_end(parts)
        lose_ledger(parts)
    kafka = kafka_with([log[:20] for log in logs])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
    for partition, log in enumerate(logs):
        kafka.append(ORDERS.topic, partition, log[20:])
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, kill_at(Failpoint.AFTER_COMMIT, hit)) as parts:
        lease(parts, "killed")
    cut_off(last_commit(tmp_path, table))
    with (
        pytest.raises(DamagedTableError, match=f"ap table check {table}"),
        opened(ledger_dsn, tmp_path, kafka) as parts,
    ):
        pass
    (fault,) = found(tmp_path, table)
    assert fault[0] == "a commit that was cut off"
    with opened(ledger_dsn, tmp_path / "elsewhere", kafka) as parts:
        assert any("set aside" in done for done in repair_log(tmp_path, table, SHOP, parts.ledger))
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "after the repair")
        assert content_at_the_end(parts) == clean


def test_a_commit_that_readers_were_shown_is_refused_with_its_version(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        public = publication.published_versions(parts.ledger, "shop")["orders/silver"]
        path = parts.tables.by_name["orders/silver"].root / LOG / f"{public:020}.json"
        cut_off(path)
        broken = path.read_text()
        with pytest.raises(UnrepairableError, match=f"version {public} is a commit that was cut off"):
            repair_log(tmp_path, "orders/silver", SHOP, parts.ledger)
        assert path.read_text() == broken


def test_leftovers_and_orphans_are_named_and_are_no_damage(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        root = parts.tables.by_name["orders/silver"].root
        orphan = root / "part-0-dead.parquet"
        orphan.write_bytes(b"x")
        os.utime(orphan, (0, 0))
        (root / LOG / "_commit_1.json.tmp").write_text("")
        named = list(findings(tmp_path, SHAPES["orders/silver"], deep=True))
        assert {finding.file for finding in named} == {"part-0-dead.parquet", "_delta_log/_commit_1.json.tmp"}
        assert not any(finding.is_damage for finding in named)
        before = content(parts)
        repair_log(tmp_path, "orders/silver", SHOP, parts.ledger)
        assert content(parts) == before and found(tmp_path, "orders/silver") == [("an orphan: no version needs it", "")]


def test_a_missing_file_is_named_with_the_batches_it_held(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts:
        lease(parts)
        table = parts.tables.by_name["orders/bronze"]
        Path(table.uris(table.files())[0]).unlink()
    assert found(tmp_path, "orders/bronze") == [("missing", "batch 1")]
