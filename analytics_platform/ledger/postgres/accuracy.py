"""How much of each product agrees with the references that its contract names: the last word of each hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

KEEP = """
    insert into accuracy (product, check_name, hour, reference, value, at)
    values (%(product)s, %(check)s, date_trunc('hour', %(now)s::timestamptz, 'UTC'), %(reference)s, %(value)s, %(now)s)
    on conflict (product, check_name, hour) do update
    set reference = excluded.reference, value = excluded.value, at = excluded.at
"""
NEWEST = """
    select distinct on (product, check_name) product, check_name, reference, value from accuracy
    where product = any(%s) order by product, check_name, hour desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """What a check that compares with a reference measured: the share that agrees, 0 to 1."""

    check: str
    reference: str
    value: float


def keep(connection: psycopg.Connection, product: str, found: Sequence[Accuracy], now: datetime) -> None:
    """Remember what was measured of a product."""
    for each in found:
        about = {"product": product, "check": each.check, "reference": each.reference, "value": each.value, "now": now}
        connection.execute(KEEP, about)


def newest(connection: psycopg.Connection, products: Sequence[str]) -> list[tuple[str, Accuracy]]:
    """The newest of each check of those products."""
    rows = connection.execute(NEWEST, [list(products)]).fetchall()
    return [(product, Accuracy(check=check, reference=ref, value=value)) for product, check, ref, value in rows]
