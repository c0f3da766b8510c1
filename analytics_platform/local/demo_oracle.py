"""What the models must say, computed from the truth files alone by plain SQL; reads nothing of the pipeline.

By the labels of the truth: an original is published, a copy or a malformed row is not. The proofs judge by a
replay of ids in plain Python instead (analytics_platform_tests/proofs/oracle.py).
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from analytics_platform.lake.duckdb import connect

STREAMS = ("bids", "auctions", "persons")
TRUTH = """
create table {stream} as
select *, make_timestamptz("dateTime" * 1000) as event_at,
       max(case when fault not like 'malformed:%' or fault = 'malformed:rule' then "dateTime" end) over before
       - "dateTime" as late
  from read_parquet($files, union_by_name = true)
window before as (partition by partition order by sequence rows between unbounded preceding and 1 preceding)
qualify fault in ('none', 'late', 'out_of_order')"""
HALF_AN_HOUR_MS = 30 * 60 * 1000
EXPECTED = {
    "highest_bid": """
        select date_trunc('minute', event_at) as minute, price, auction, bidder, channel, event_at as bid_at, event_id
          from bids
        qualify row_number() over (partition by minute order by price desc, event_at, event_id) = 1""",
    "channel_revenue": """
        select date_trunc('minute', event_at) as minute, channel, count(*) as bids, sum(price)::bigint as revenue
        from bids group by all""",
    "bid_counts": f"""
        select time_bucket(interval '2 minutes', event_at) as pane, auction, count(*) as bids
          from bids where coalesce(late, 0) <= {HALF_AN_HOUR_MS} group by 1, 2""",
    "hot_items": f"""
        select time_bucket(interval '2 minutes', event_at) - hop * interval '2 minutes' as window_start, auction,
               count(*) as bids
          from bids, range(5) hops(hop) where coalesce(late, 0) <= {HALF_AN_HOUR_MS} group by 1, 2
        qualify rank() over (partition by window_start order by count(*) desc) = 1""",
    "winning_bids": """
        with opened as (
            select *, make_timestamptz(expires * 1000) as closed_at from auctions
            qualify row_number() over (partition by id order by event_at, event_id) = 1)
        select auction, category, seller, closed_at, price, bidder, bids.event_at as bid_at, bids.event_id
          from opened join bids on auction = id and bids.event_at >= opened.event_at and bids.event_at <= closed_at
        qualify row_number() over (partition by auction order by price desc, bids.event_at, bids.event_id) = 1""",
    "closing_prices": """
        select date_trunc('hour', closed_at) as hour, category, count(*) as auctions, sum(price)::bigint as revenue
        from winning_bids group by all""",
    "category_prices": """
        select category, count(*) as auctions, sum(price)::double / count(*) as average_price
        from winning_bids group by all""",
    "new_sellers": """
        select window_start, id as person, name, auctions
          from (select time_bucket(interval '10 minutes', event_at) as window_start, * from persons
                qualify row_number() over (partition by window_start, id order by event_at, event_id) = 1)
          join (select time_bucket(interval '10 minutes', event_at) as window_start, seller as id, count(*) as auctions
                  from auctions group by all) using (window_start, id)""",
}


def compare(truth: Path, models: Mapping[str, pa.Table]) -> dict[str, bool | None]:
    """By model, whether its rows are exactly those that the truth demands; None where no oracle is written."""
    with connect() as connection:
        if not all(_read(connection, truth, stream) for stream in STREAMS):
            return dict.fromkeys(models)
        connection.execute(f"create table winning_bids as {EXPECTED['winning_bids']}")
        return {
            name: _is_same(connection, EXPECTED[name], rows) if name in EXPECTED else None
            for name, rows in models.items()
        }


def _read(connection: duckdb.DuckDBPyConnection, truth: Path, stream: str) -> bool:
    """Have what must be published of a stream as a table; False if there is no truth about it."""
    files = [str(path) for path in sorted(truth.glob(f"{stream}-*.parquet"))]
    if files:
        connection.execute(TRUTH.format(stream=stream).replace("$files", _listed(files)))
    return bool(files)


def _is_same(connection: duckdb.DuckDBPyConnection, expected: str, rows: pa.Table) -> bool:
    connection.register("found", rows)
    columns = ", ".join(f'"{name}"' for name in connection.sql(f"select * from ({expected}) limit 0").columns)
    found, wanted = f"select {columns} from found", f"select {columns} from ({expected})"
    differences = [f"(select count(*) from ({a} except all {b}))" for a, b in ((found, wanted), (wanted, found))]
    answer = connection.execute(f"select {' + '.join(differences)}").fetchall()
    connection.unregister("found")
    return answer == [(0,)]


def _listed(files: list[str]) -> str:
    return "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"
