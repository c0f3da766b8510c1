"""The small auction house with ten models below the price of a bid, and three that do not read it; and their oracle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analytics_platform.catalog import catalog_of
from analytics_platform.lake.duckdb import read_files
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model, Pipeline, Window
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.pipeline.house import HOUSE, MINUTE, NOON, bid, model
from analytics_platform_tests.proofs.checked_house import PATIENT
from analytics_platform_tests.proofs.house_lease import Place

CONTRACT = """
dataset: platform/main/bids
check_attributes: {owner: "team:house"}
columns:
  - name: price
    checks:
      - invalid: {name: prices are of this world, valid_max: 10000, attributes: {on_failure: freeze_models}}
  - name: auction
    checks:
      - invalid: {name: auctions are below a million, valid_max: 1000000, attributes: {on_failure: freeze_models}}
checks: []
"""
HELD = CONTRACT.replace("freeze_models", "hold_batch")
FOUR = Window(column="start", size=4 * MINUTE)
HOUR = Window(column="hour", size=60 * MINUTE)
# Each in a clause of its own: where it reads the price, lineage of values alone would often not say so.
READ_PRICE = {
    "totals": "select start, sum(price)::bigint as n from bids group by start",
    "highest": "select start, max(price) as n from bids group by start",
    "squares": "with a as (select start, price ** 2 as s from bids) select start, sum(s)::int8 as n from a group by 1",
    "dear": "select start, count(*) as n from bids where price > 50 group by start",
    "gated": "select start, count(*) as n from bids group by start having max(price) > 50",
    "winners": "select start, arg_max(auction, {p: price, i: event_id}) as n from bids group by start",
    "filtered": "select start, count(*) filter (price > 50) as n from bids group by start",
    "kinds": "select start, count(distinct price) as n from bids group by start",
}
BELOW = {
    "peaks": ("select hour, max(n) as n from totals group by hour", "totals"),
    "sums_of_dear": ("select hour, sum(n)::bigint as n from dear group by hour", "dear"),
}
FREE = {
    "counts": "select start, count(*) as n from bids group by start",
    "lots": "select start, count(distinct auction) as n from bids group by start",
}
ON_TOP = ("select hour, count(*) as n from counts group by hour", "counts")
TEN, THREE = sorted([*READ_PRICE, *BELOW]), sorted([*FREE, "windows"])


def models() -> list[Model]:
    """All thirteen."""
    direct = [model(name, sql, ("bids",), FOUR) for name, sql in {**READ_PRICE, **FREE}.items()]
    on_top = {**BELOW, "windows": ON_TOP}
    return direct + [
        model(name, sql, (source,), HOUR, touches={source: "start"}) for name, (sql, source) in on_top.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPlace(Place):
    """The house with these models, whose bids have a contract."""

    contract: str = CONTRACT

    def pipeline(self) -> Pipeline:
        """Its bids on their own topic."""
        (bids,) = [stream for stream in Place.pipeline(self).streams if stream.name == "bids"]
        declared = replace(bids, batch_rows=1000, freshness=PATIENT, contract=self.contract)
        return catalog_of([declared, *models()]).pipelines[HOUSE.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """A bid as the producer means it; `at` in minutes after noon."""

    name: str
    auction: int
    at: float
    price: int

    def record(self) -> FakeRecord:
        """As it is produced."""
        return bid(self.name, self.auction, self.at, self.price)

    @property
    def start(self) -> int:
        """The minute in which its window begins."""
        return int(self.at) // 4 * 4


Counted = Mapping[int, int]  # by minute in which the window begins
OF_WINDOW: Mapping[str, Callable[[Sequence[Bid]], int]] = {
    "totals": lambda bids: sum(b.price for b in bids),
    "highest": lambda bids: max(b.price for b in bids),
    "squares": lambda bids: sum(b.price**2 for b in bids),
    "dear": lambda bids: sum(b.price > 50 for b in bids),
    "gated": lambda bids: len(bids) if max(b.price for b in bids) > 50 else 0,
    "winners": lambda bids: max(bids, key=lambda b: (b.price, f"bid-{b.name}")).auction,
    "filtered": lambda bids: sum(b.price > 50 for b in bids),
    "kinds": lambda bids: len({b.price for b in bids}),
    "counts": len,
    "lots": lambda bids: len({b.auction for b in bids}),
}
NO_ROW_WITHOUT = ("dear", "gated")


def expected(bids: Sequence[Bid]) -> dict[str, Counted]:
    """By model, what it must hold if just these bids are in silver. By hand, in plain Python."""
    starts = sorted({b.start for b in bids})
    found: dict[str, Counted] = {}
    for name, count in OF_WINDOW.items():
        values = {start: count([b for b in bids if b.start == start]) for start in starts}
        found[name] = {start: n for start, n in values.items() if n or name not in NO_ROW_WITHOUT}
    for name, source, fold in (("peaks", "totals", max), ("sums_of_dear", "dear", sum), ("windows", "counts", len)):
        by_hour: dict[int, list[int]] = {}
        for start, n in found[source].items():
            by_hour.setdefault(start // 60 * 60, []).append(n)
        found[name] = {hour: fold(values) for hour, values in by_hour.items()}
    return found


def held(parts: Parts) -> dict[str, Counted]:
    """By model, what its published version holds, in the oracle's form."""
    found: dict[str, Counted] = {}
    for each in parts.pipeline.models:
        table = parts.tables.by_name[each.name]
        table.refresh()
        rows = read_files(parts.query, table.uris(table.files()), table.shape.columns).to_pylist()
        found[each.name] = {_minute(row[each.grain.column]): int(row["n"]) for row in rows}
    return found


def _minute(at: datetime) -> int:
    return int((at - NOON) / MINUTE)
