"""Models that are recomputed because somebody asks for it, because their SQL or columns changed, or that cannot be."""

from dataclasses import replace

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import DamagedTableError
from analytics_platform.ledger.postgres import dirty
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform.pipeline.models import is_due
from analytics_platform.pipeline.recover_files import repair_files
from analytics_platform_tests.pipeline import house
from analytics_platform_tests.pipeline.ordered import give, is_worked_off, rework
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE, kafka_with, lease, opened, order, rows
from analytics_platform_tests.pipeline.test_rework import one_by_one, revenue

AS_NUMBERS = "select minute, sum(cast(city as int))::bigint as revenue, count(*) as orders from orders group by minute"


def shop_of(model):
    """The pipeline with that model for revenue."""
    return catalog_of([ORDERS, model]).pipelines["shop"]


def house_of(**changed):
    """The auction house with some models declared otherwise."""
    models = [changed.get(m.name, m) for m in (house.HOT, house.WINS, house.SUMS, house.KINDS)]
    return catalog_of([house.stream("bids"), house.stream("auctions"), *models]).pipelines["house"]


def two_auctions():
    """A broker with two auctions, one bid on each."""
    bids = [house.bid(1, at=1), house.bid(2, at=20, auction=2, price=50)]
    return house.kafka_with(bids=bids, auctions=[house.auction(1), house.auction(2, opens=6, closes=25, kind=2)])


def totals(parts):
    """By kind, what the last model of the chain says."""
    return {row["kind"]: row["total"] for row in rows(parts, "kinds").to_pylist()}


@pytest.mark.parametrize("assets", [("revenue",), (), ("orders/silver", "revenue")])
def test_a_backfill_computes_a_model_by_its_new_sql(ledger_dsn, tmp_path, assets):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, amount=5)])
    doubled = replace(REVENUE, sql=REVENUE.sql.replace("sum(amount)", "2 * sum(amount)"))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=shop_of(doubled)) as parts:
        assert rework(parts, Kind.BACKFILL, assets=assets).state is OrderState.DONE
        assert revenue(parts) == {0: 10} and is_worked_off(parts)


@pytest.mark.parametrize("changed", ["sums", "kinds"])
@pytest.mark.parametrize("assets", [("kinds",), ()])
def test_a_backfill_reaches_models_over_models_whose_rows_stay_as_they_are(ledger_dsn, tmp_path, assets, changed):
    kafka = two_auctions()
    with house.opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        house.finish(parts)
        assert totals(parts) == {1: 10, 2: 50}
    model = {"sums": house.SUMS, "kinds": house.KINDS}[changed]
    tenfold = replace(model, sql=model.sql.replace("sum(price)", "10 * sum(price)").replace("sum(tot", "10 * sum(tot"))
    with house.opened(ledger_dsn, tmp_path, kafka, pipeline=house_of(**{changed: tenfold})) as parts:
        assert rework(parts, Kind.BACKFILL, assets=assets).state is OrderState.DONE
        assert totals(parts) == {1: 100, 2: 500}
        assert not dirty.is_any(parts.ledger, parts.pipeline.model_names)


def test_a_backfill_of_a_model_recomputes_no_model_that_it_does_not_need(ledger_dsn, tmp_path):
    kafka = two_auctions()
    with house.opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        house.finish(parts)
        give(parts, Kind.BACKFILL, assets=("sums",))
        assert set(lease(parts, "backfill").models) == {"wins", "sums"}


def test_readers_of_a_model_of_new_columns_lose_what_it_no_longer_has(ledger_dsn, tmp_path):
    kafka = two_auctions()
    with house.opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        house.finish(parts)
    sql = house.WINS.sql.replace("as price", "as price, 1 as extra").replace("where", "where kind <> 2 and")
    with house.opened(ledger_dsn, tmp_path, kafka, pipeline=house_of(wins=replace(house.WINS, sql=sql))) as parts:
        lease(parts, "renewed")
        assert [row["id"] for row in rows(parts, "wins").to_pylist()] == [1]
        assert totals(parts) == {1: 10}


def test_readers_of_a_repaired_model_lose_what_it_no_longer_has(ledger_dsn, tmp_path):
    kafka = two_auctions()
    with house.opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        house.finish(parts)
    fewer = replace(house.WINS, sql=house.WINS.sql.replace("where", "where kind <> 2 and"))
    with house.opened(ledger_dsn, tmp_path, kafka, pipeline=house_of(wins=fewer)) as parts:
        table = parts.tables.by_name["wins"]
        for file in table.files():
            (table.root / file.path).unlink()
        assert repair_files("wins", parts, from_kafka=False, deep=False)
        lease(parts, "repaired")
        assert totals(parts) == {1: 10}


def failures(parts):
    """The alarms about models: which, and why."""
    found = parts.ledger.execute("select key, body ->> 'reason' from outbox where kind = 'model failing'").fetchall()
    return [tuple(row) for row in found]


def test_a_model_that_fails_keeps_no_live_batch_waiting(ledger_dsn, tmp_path, caplog):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, city="1")], [order(2, minute=5)])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=shop_of(replace(REVENUE, sql=AS_NUMBERS))) as parts:
        failed = rework(parts, Kind.BACKFILL, assets=("revenue",))
        assert failed.state is OrderState.FAILED and "model revenue: its SQL cannot run" in str(failed.error)
        one_by_one(parts, kafka, [order(3, city="3", minute=9)], [order(4, city="4", minute=10)])
        assert rows(parts, "orders/silver").num_rows == 4 and is_worked_off(parts)
        assert [key for key, _ in failures(parts)] == ["revenue"]
        assert {r.model for r in caplog.records if r.message == "model.failing"} == {"revenue"}
        assert revenue(parts) == {0: 1, 5: 1} and dirty.is_any(parts.ledger, ["revenue"])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "mended")
        assert revenue(parts) == {0: 1, 5: 1, 9: 1, 10: 1} and not is_due(parts)


def test_models_over_one_that_fails_wait_for_it_and_others_go_on(ledger_dsn, tmp_path):
    kafka = two_auctions()
    broken = replace(house.SUMS, sql=house.SUMS.sql.replace("sum(price)", "sum(cast(price || '!' as bigint))"))
    with house.opened(ledger_dsn, tmp_path, kafka, pipeline=house_of(sums=broken)) as parts:
        for name in parts.pipeline.stream_names:
            house.timers.end_stream(parts.ledger, name)
        dirty.mark(parts.ledger, {"kinds": {"1"}}, "test")
        report = lease(parts)
        assert set(report.models) == {"hot", "wins"} and rows(parts, "wins").num_rows == 2
        assert [key for key, _ in failures(parts)] == ["sums"] and not is_due(parts)
    with house.opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts, "mended")
        assert totals(parts) == {1: 10, 2: 50}


def test_a_model_over_a_missing_file_says_which_table_to_check(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1)])
        table = parts.tables.of("orders", "silver")
        for file in table.files():
            (table.root / file.path).unlink()
        dirty.mark(parts.ledger, {"revenue": dirty_grains(parts)}, "test")
        lease(parts, "on")
        assert failures(parts) == [("revenue", str(DamagedTableError("orders/silver", FILE)))]


FILE = "a file that holds rows to recompute cannot be read"


def dirty_grains(parts):
    """The grains of the model's rows, as the ledger writes them."""
    return {str(int(row["minute"].timestamp()) // 60) for row in rows(parts, "revenue").to_pylist()}
