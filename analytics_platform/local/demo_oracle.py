"""What the models must say, computed from the truth files alone by plain SQL; reads nothing of the pipeline.

By the labels of the truth: an original is published, a copy or a malformed row is not. The proofs judge by a
replay of ids in plain Python instead (analytics_platform_tests/proofs/oracle.py).
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from analytics_platform.lake.duckdb import connect

PUBLISHED_BIDS = """
create view bids as
select price, auction, bidder, channel, event_id, dateTime as at_ms,
       make_timestamptz(dateTime // 60000 * 60000 * 1000) as minute, make_timestamptz(dateTime * 1000) as bid_at
  from read_parquet($files, union_by_name = true)
 where fault in ('none', 'late', 'out_of_order')"""
EXPECTED = {
    "highest_bid": """
        select minute, price, auction, bidder, channel, bid_at, event_id from bids
        qualify row_number() over (partition by minute order by price desc, at_ms, event_id) = 1""",
    "channel_revenue": """
        select minute, channel, count(*) as bids, sum(price)::bigint as revenue from bids group by all""",
}


def compare(truth: Path, models: Mapping[str, pa.Table]) -> dict[str, bool | None]:
    """By model, whether its rows are exactly those that the truth demands; None where no oracle is written."""
    files = [str(path) for path in sorted(truth.glob("bids-*.parquet"))]
    with connect() as connection:
        if files:
            connection.execute(PUBLISHED_BIDS.replace("$files", _listed(files)))
        return {
            name: _is_same(connection, EXPECTED[name], rows) if name in EXPECTED and files else None
            for name, rows in models.items()
        }


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
