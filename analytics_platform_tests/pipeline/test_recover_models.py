"""A model whose columns changed is emptied and computed anew by the next lease; readers see the old cut until then."""

from dataclasses import replace

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import dirty, publication
from analytics_platform.published import sql
from analytics_platform.settings import read_settings
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    REVENUE,
    SHOP,
    kafka_with,
    lease,
    opened,
    order,
    random_orders,
    rows,
)

PER_CITY = replace(REVENUE, sql="select minute, city, sum(amount)::double as revenue from orders group by minute, city")
CHANGED = replace(SHOP, models=(PER_CITY,))


def test_a_model_of_other_columns_is_computed_anew(ledger_dsn, tmp_path):
    kafka = kafka_with(random_orders(seed=4, count=120))
    with opened(ledger_dsn, tmp_path / "new", kafka, pipeline=CHANGED) as parts:
        lease(parts)
        wanted = rows(parts, "revenue").sort_by([("minute", "ascending"), ("city", "ascending")])
        parts.ledger.execute("drop schema public cascade; create schema public")
    with opened(ledger_dsn, tmp_path / "old", kafka) as parts:
        lease(parts)
    with opened(ledger_dsn, tmp_path / "old", kafka, pipeline=CHANGED) as parts:
        assert parts.tables.by_name["revenue"].is_outdated
        lease(parts, "second")
        found = rows(parts, "revenue").sort_by([("minute", "ascending"), ("city", "ascending")])
        assert found.equals(wanted) and not dirty.is_any(parts.ledger, ["revenue"])


def test_readers_have_the_old_columns_until_the_new_ones_are_published(ledger_dsn, tmp_path):
    settings = replace(read_settings(), ledger_dsn=ledger_dsn, table_dir=tmp_path)
    seen = []

    def look(point):
        if point is Failpoint.AFTER_COMMIT:
            seen.append(sql(settings, catalog_of([ORDERS, PER_CITY]), "from revenue").column_names)

    kafka = kafka_with([[order(1)], [order(2)]])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        before = publication.published_versions(parts.ledger, "shop")["revenue"]
    with opened(ledger_dsn, tmp_path, kafka, look, pipeline=CHANGED) as parts:
        lease(parts, "second")
        assert publication.published_versions(parts.ledger, "shop")["revenue"] > before
    assert seen and all(names == ["minute", "revenue", "orders", "complete"] for names in seen[:1])
    assert sql(settings, catalog_of([ORDERS, PER_CITY]), "from revenue").column_names == [
        "minute",
        "city",
        "revenue",
        "complete",
    ]
