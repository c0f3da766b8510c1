"""Readers see what was published, as it was at an instant, and nothing else of the machine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Failpoint
from analytics_platform.published import QueryError, read_table, rows_together, sql
from analytics_platform.settings import read_settings
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    REVENUE,
    KilledError,
    content,
    kafka_with,
    kill_at,
    lease,
    opened,
    order,
)

CATALOG = catalog_of([ORDERS, REVENUE])


@pytest.fixture
def shop(ledger_dsn, tmp_path):
    """Settings of a platform that has published two orders of four."""
    kafka = kafka_with([[order(1, amount=5), order(1, amount=5)], [order(2, amount=7, minute=1), order(3, amount=-1)]])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        yield replace(read_settings(), ledger_dsn=ledger_dsn, table_dir=tmp_path), parts, kafka


def test_sql_sees_silver_by_the_streams_name_and_models_by_theirs(shop):
    settings, _, _ = shop
    assert sql(settings, CATALOG, "select sum(amount)::int as total from orders").to_pylist() == [{"total": 12}]
    assert sql(settings, CATALOG, "select revenue from revenue order by minute").to_pylist() == [
        {"revenue": 5},
        {"revenue": 7},
    ]


def test_sql_sees_bronze_and_exceptions_by_layer(shop):
    settings, _, _ = shop
    assert sql(settings, CATALOG, "select count(*)::int as n from orders.bronze").to_pylist() == [{"n": 4}]
    outcomes = sql(settings, CATALOG, "select outcome, reason from orders.exceptions order by outcome").to_pylist()
    assert [row["outcome"] for row in outcomes] == ["duplicate", "quarantined"]
    assert outcomes[1]["reason"] == "rule amount_is_positive"


def test_read_gives_a_relation_that_becomes_arrow_or_pandas(shop):
    settings, _, _ = shop
    relation = read_table(settings, CATALOG, "revenue")
    assert relation.to_arrow_table().num_rows == 2 == len(relation.df())
    assert read_table(settings, CATALOG, "orders/bronze").aggregate("count(*)").fetchall() == [(4,)]


def test_a_reader_can_go_back_to_an_earlier_cut(shop):
    settings, parts, kafka = shop
    before = datetime.now(UTC)
    kafka.append(ORDERS.topic, 0, [order(9)])
    lease(parts, "second")
    query = "select count(*)::int as n from orders"
    assert sql(settings, CATALOG, query, before).to_pylist() == [{"n": 2}]
    assert sql(settings, CATALOG, query).to_pylist() == [{"n": 3}]


def test_several_tables_are_of_one_cut_and_what_is_not_published_is_left_out(shop):
    settings, _, _ = shop
    found = rows_together(settings, CATALOG, ["orders", "revenue", "nothing"])
    assert {name: rows.count_rows() for name, rows in found.items()} == {"orders": 2, "revenue": 2}


def test_what_is_committed_but_not_published_is_not_read(shop, ledger_dsn, tmp_path):
    settings, parts, kafka = shop
    before = content(parts)
    kafka.append(ORDERS.topic, 0, [order(9)])
    silver_is_committed = kill_at(Failpoint.AFTER_COMMIT, 2)  # bronze is the first commit
    with pytest.raises(KilledError), opened(ledger_dsn, tmp_path, kafka, silver_is_committed) as doomed:
        lease(doomed, "second")
    assert content(parts)["orders/silver"] != before["orders/silver"]
    assert sql(settings, CATALOG, "select count(*)::int as n from orders").to_pylist() == [{"n": 2}]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('/etc/hostname')",
        "copy (select 1) to '/tmp/written-by-a-reader.csv'",
        "attach '/tmp/written-by-a-reader.db'",
        "set enable_external_access = true",
        "pragma database_list",
        "select 1; select 2",
        "",
        "  -- nothing but a comment",
        "pivot orders on amount",
    ],
)
def test_a_query_reaches_nothing_but_the_published_tables(shop, query):
    with pytest.raises(QueryError):
        sql(shop[0], CATALOG, query)


WRITING = [
    "copy (select 1) to '{target}'",
    "copy (select 1) to '{target}' (use_tmp_file false)",
    "explain analyze copy (select 1) to '{target}' (use_tmp_file false)",
    "with written as (copy (select 1) to '{target}' (use_tmp_file false)) select 1",
]


@pytest.mark.parametrize("query", WRITING)
def test_a_query_cannot_write_into_a_published_table(shop, query):
    settings, _, _ = shop
    table = settings.table_dir / "orders/silver"
    before = {path: path.read_bytes() for path in table.rglob("*") if path.is_file()}
    for target in [table / "_delta_log/00000000000000000099.json", *table.glob("*.parquet")]:
        with pytest.raises(QueryError):
            sql(settings, CATALOG, query.format(target=target))
    assert {path: path.read_bytes() for path in table.rglob("*") if path.is_file()} == before
    assert sql(settings, CATALOG, "select count(*)::int as n from orders").to_pylist() == [{"n": 2}]


@pytest.mark.parametrize("query", ["from read_parquet('{}/**')", "from glob('{}/**')", "from read_text('{}/**')"])
def test_a_query_cannot_read_the_files_of_a_table(shop, query):
    settings, _, _ = shop
    with pytest.raises(QueryError, match="disabled by configuration"):
        sql(settings, CATALOG, query.format(settings.table_dir))


@pytest.mark.parametrize(
    "query",
    ["describe orders", "show tables", "from orders", "explain analyze from orders", "with o as (from orders) from o"],
)
def test_everything_that_only_reads_is_answered(shop, query):
    assert sql(shop[0], CATALOG, query).num_rows


def test_the_number_of_statements_is_named(shop):
    with pytest.raises(QueryError, match="one statement is needed, the query has 0"):
        sql(shop[0], CATALOG, " ")


@pytest.mark.parametrize("vanished", ["*.parquet", "_delta_log/*.json"])
def test_a_cut_whose_files_are_gone_names_them_and_what_to_do(shop, vanished):
    settings, _, _ = shop
    for path in (settings.table_dir / "orders/silver").glob(vanished):
        path.unlink()
    problem = r"orders/silver at version \d+: (1 files are missing: part-|its log cannot be read).*`ap table check"
    with pytest.raises(QueryError, match=problem):
        read_table(settings, CATALOG, "orders")
    with pytest.raises(QueryError, match=problem):
        sql(settings, CATALOG, "from orders")


def test_who_does_not_ask_for_a_damaged_table_is_answered(shop):
    settings, _, _ = shop
    for path in (settings.table_dir / "orders/silver").glob("*.parquet"):
        path.unlink()
    assert sql(settings, CATALOG, "select count(*)::int as n from revenue").to_pylist() == [{"n": 2}]
    assert sql(settings, CATALOG, "select count(*)::int as n from orders.bronze").to_pylist() == [{"n": 4}]
    assert read_table(settings, CATALOG, "revenue").count("*").fetchall() == [(2,)]
    with pytest.raises(QueryError, match="files are missing"):
        sql(settings, CATALOG, "from revenue join orders using (minute)")


def test_an_old_cut_whose_files_are_gone_is_no_longer_kept(shop):
    settings, _, _ = shop
    at = datetime.now(UTC)
    for path in (settings.table_dir / "orders/silver").glob("*.parquet"):
        path.unlink()
    with pytest.raises(QueryError, match="it is no longer kept"):
        read_table(settings, CATALOG, "orders", at)


def test_a_commit_that_was_cut_off_is_never_read_as_if_it_were_whole(shop):
    settings, parts, _ = shop
    table = parts.tables.by_name["orders/silver"]
    (table.root / f"_delta_log/{table.version:020}.json").write_text("")
    with pytest.raises(QueryError, match=r"the commit of version \d+ was cut off; `ap table check orders/silver`"):
        sql(settings, CATALOG, "from orders")


def test_a_query_about_an_unknown_table_is_told_which_there_are(shop):
    with pytest.raises(QueryError, match="published tables: orders/bronze, orders/exceptions, orders/silver, revenue"):
        sql(shop[0], CATALOG, "select * from nothing")
    with pytest.raises(QueryError, match="no published table is called nothing"):
        read_table(shop[0], CATALOG, "nothing")


def test_a_time_without_a_zone_is_refused(shop):
    with pytest.raises(DeclarationError, match="has no time zone"):
        sql(shop[0], CATALOG, "select 1", datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1))
