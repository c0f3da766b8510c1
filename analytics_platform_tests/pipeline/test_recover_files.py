"""Files that were lost or changed come back as they were, or the exact range is refused and nothing is changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analytics_platform.errors import DamagedTableError, UnrepairableError
from analytics_platform.ledger.postgres import dirty, publication
from analytics_platform.pipeline.recover_files import repair_files
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    SHOP,
    content,
    kafka_with,
    lease,
    opened,
    order,
    random_orders,
    rows,
)
from analytics_platform_tests.pipeline.test_record import recorded
from analytics_platform_tests.pipeline.test_recover import content_at_the_end

SMALL = replace(SHOP, streams=(replace(ORDERS, batch_rows=40),))


@pytest.fixture
def shop(ledger_dsn, tmp_path):
    """A pipeline that has published some batches, its broker, and the content of its tables."""
    kafka = kafka_with(random_orders(seed=6, count=120))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL) as parts:
        lease(parts)
        yield parts, kafka, content_at_the_end(parts)


def first_file(parts, table):
    found = parts.tables.written()[table]
    found.refresh()
    oldest = min(found.files(), key=lambda file: file.low[found.shape.bounded_by[0]])
    return Path(found.uris([oldest])[0])


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    content = bytearray(path.read_bytes())
    content[20:60] = bytes(40)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [remove, cut, flip])
def test_bronze_is_read_from_kafka_again_if_it_is_what_was_landed(shop, harm):
    parts, _, before = shop
    harm(first_file(parts, "orders/bronze"))
    done = repair_files("orders/bronze", parts, from_kafka=True, deep=True)
    assert len(done) == 1 and "batch 1" in done[0]
    assert content(parts) == before
    public = publication.published_versions(parts.ledger, "shop")
    assert public["orders/bronze"] == parts.tables.by_name["orders/bronze"].version  # readers have it at once
    assert repair_files("orders/bronze", parts, from_kafka=True, deep=True) == []


def test_kafka_is_asked_only_when_told_to(shop):
    parts, _, _ = shop
    first_file(parts, "orders/bronze").unlink()
    with pytest.raises(DamagedTableError, match="--from kafka"):
        repair_files("orders/bronze", parts, from_kafka=False, deep=False)


def test_bronze_that_kafka_no_longer_has_is_refused_with_the_exact_range(shop):
    parts, kafka, _ = shop
    first_file(parts, "orders/bronze").unlink()
    kafka.delete_before(ORDERS.topic, 0, 5)
    before = {name: table.refresh() for name, table in parts.tables.written().items()}
    with pytest.raises(
        UnrepairableError, match=r"batch orders/1, orders-topic-0 \[0, \d+\), orders-topic-1 \[0, \d+\)"
    ):
        repair_files("orders/bronze", parts, from_kafka=True, deep=False)
    assert {name: table.refresh() for name, table in parts.tables.written().items()} == before


def test_bronze_is_not_replaced_by_other_records_than_those_that_were_landed(shop):
    parts, kafka, _ = shop
    first_file(parts, "orders/bronze").unlink()
    kafka.topics[ORDERS.topic].logs[0][0] = order(999, amount=1)
    with pytest.raises(UnrepairableError, match="what Kafka has now is not what was landed"):
        repair_files("orders/bronze", parts, from_kafka=True, deep=False)


@pytest.mark.parametrize("harm", [remove, cut, flip])
def test_a_models_file_is_computed_again_by_the_next_lease(shop, harm):
    parts, _, before = shop
    harm(first_file(parts, "revenue"))
    assert len(repair_files("revenue", parts, from_kafka=False, deep=True)) == 1
    assert dirty.is_any(parts.ledger, ["revenue"])
    lease(parts, "afterwards")
    assert content(parts) == before


def bodies(parts):
    """What is recorded of each batch; keys are sorted, since the ledger keeps no order of them."""
    rows = [row for row in recorded(parts) if row["stream"]]
    ordered = [json.dumps(json.loads(row["body"]), sort_keys=True) for row in rows]
    return sorted((row["stream"], row["batch"], body, row["ranges"]) for row, body in zip(rows, ordered, strict=True))


def test_manifests_are_written_again_from_the_ledger(shop):
    parts, _, _ = shop
    before = bodies(parts)
    for file in parts.tables.manifests.files()[:2]:
        Path(parts.tables.manifests.uris([file])[0]).unlink()
    repair_files("shop/manifests", parts, from_kafka=False, deep=False)
    assert bodies(parts) == before


@pytest.mark.parametrize("harm", [remove, cut, flip])
@pytest.mark.parametrize("table", ["orders/silver", "orders/exceptions"])
def test_silver_and_exceptions_are_judged_again_from_bronze(shop, table, harm):
    parts, _, before = shop
    harm(first_file(parts, table))
    (done,) = repair_files(table, parts, from_kafka=False, deep=True)
    ordered = parts.ledger.execute("select stream, number from rework_batch").fetchall()
    assert ordered == [("orders", 1)] and "(batch 1)" in done
    lease(parts, "afterwards")
    assert rows(parts, table).num_rows and content(parts) == before
