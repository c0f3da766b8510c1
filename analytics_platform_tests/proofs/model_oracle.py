"""What each model must say, in plain Python over the rows that must be in silver; reads nothing of the platform.

The rules, told once more and independently: a window holds its start and not its end; an auction's bids are those of
its life, both ends included; of equal prices the earliest bid wins, then the lowest id; of two rows that carry one
number (auctions, persons) the earlier counts, then the lower id; hot items leave out what comes half an hour late.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from analytics_platform_tests.proofs.oracle import Expected, channel_revenue, highest_bid, instant, published_rows

HOT_SIZE_MS, HOT_EVERY_MS, HOT_LATE_MS = 600_000, 120_000, 1_800_000
SELLING_MS, HOUR_MS = 600_000, 3_600_000
Row = dict[str, Any]


def expected_models(expected: Mapping[str, Expected]) -> dict[str, list[Row]]:
    """By model, the rows that it must have."""
    bids, auctions, persons = expected["bids"], expected["auctions"], expected["persons"]
    won = winning_bids(auctions, bids)
    closed = closing_prices(won)
    return {
        "highest_bid": [{"minute": minute, **row} for minute, row in highest_bid(bids).items()],
        "channel_revenue": [{"minute": m, "channel": c, **row} for (m, c), row in channel_revenue(bids).items()],
        "bid_counts": bid_counts(bids),
        "hot_items": hot_items(bids),
        "winning_bids": [{**row, "closed_at": instant(row["closed_at"])} for row in won],
        "closing_prices": closed,
        "category_prices": category_prices(closed),
        "new_sellers": new_sellers(persons, auctions),
    }


def too_late(bids: Expected) -> int:
    """How many bids are in silver and come too late to be counted for hot items."""
    return sum(late > HOT_LATE_MS for late in bids.late_ms.values())


def bid_counts(bids: Expected) -> list[Row]:
    """Of every two minutes and auction, the bids that did not come too late."""
    counts = Counter((at // HOT_EVERY_MS * HOT_EVERY_MS, auction) for at, auction in _in_time(bids))
    return [{"pane": instant(pane), "auction": number, "bids": count} for (pane, number), count in counts.items()]


def hot_items(bids: Expected) -> list[Row]:
    """Of every window the auctions that nothing outdid."""
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    for at, auction in _in_time(bids):
        newest = at // HOT_EVERY_MS * HOT_EVERY_MS
        for start in range(newest - HOT_SIZE_MS + HOT_EVERY_MS, newest + 1, HOT_EVERY_MS):
            counts[start][auction] += 1
    most = {start: max(of_window.values()) for start, of_window in counts.items()}
    return [
        {"window_start": instant(start), "auction": auction, "bids": count}
        for start, of_window in counts.items()
        for auction, count in of_window.items()
        if count == most[start]
    ]


def _in_time(bids: Expected) -> list[tuple[int, int]]:
    """Time and auction of the published bids that are not too late to be counted."""
    seen = [row for row in bids.published if bids.late_ms[row] <= HOT_LATE_MS]
    if not seen:
        return []
    times, numbers = bids.table["dateTime"].to_pylist(), bids.table["auction"].to_pylist()
    return [(times[row], numbers[row]) for row in seen]


def winning_bids(auctions: Expected, bids: Expected) -> list[Row]:
    """The best bid of every auction that had one in its life; every auction of a stream that ended is over."""
    rows = published_rows(auctions, "id", "dateTime", "event_id", "expires", "category", "seller")
    terms = _earliest((number, (at, event_id), (at, *more)) for number, at, event_id, *more in rows)
    best: dict[int, tuple[Any, ...]] = {}
    for number, price, at, event_id, bidder in published_rows(
        bids, "auction", "price", "dateTime", "event_id", "bidder"
    ):
        if number in terms and terms[number][0] <= at <= terms[number][1]:
            rival = (-price, at, event_id, bidder)
            best[number] = min(best.get(number, rival), rival)
    return [
        {
            "auction": number,
            "category": terms[number][2],
            "seller": terms[number][3],
            "closed_at": terms[number][1],
            "price": -negated,
            "bidder": bidder,
            "bid_at": instant(at),
            "event_id": event_id,
        }
        for number, (negated, at, event_id, bidder) in best.items()
    ]


def closing_prices(won: Iterable[Row]) -> list[Row]:
    """Per hour of closing and category: how many, and for how much."""
    auctions: Counter[tuple[int, int]] = Counter()
    revenue: Counter[tuple[int, int]] = Counter()
    for row in won:
        grain = (row["closed_at"] // HOUR_MS * HOUR_MS, row["category"])
        auctions[grain] += 1
        revenue[grain] += row["price"]
    return [
        {"hour": instant(hour), "category": category, "auctions": count, "revenue": revenue[hour, category]}
        for (hour, category), count in auctions.items()
    ]


def category_prices(closed: Iterable[Row]) -> list[Row]:
    """Per category the mean of all winning prices: one division of exact sums."""
    auctions: Counter[int] = Counter()
    revenue: Counter[int] = Counter()
    for row in closed:
        auctions[row["category"]] += row["auctions"]
        revenue[row["category"]] += row["revenue"]
    return [
        {"category": category, "auctions": count, "average_price": float(revenue[category]) / float(count)}
        for category, count in auctions.items()
    ]


def new_sellers(persons: Expected, auctions: Expected) -> list[Row]:
    """Who registered and opened auctions in the same ten minutes."""
    rows = published_rows(persons, "id", "dateTime", "event_id", "name")
    names = _earliest(((at // SELLING_MS, number), (at, event_id), (name,)) for number, at, event_id, name in rows)
    sold = Counter((at // SELLING_MS, seller) for at, seller in published_rows(auctions, "dateTime", "seller"))
    return [
        {"window_start": instant(window * SELLING_MS), "person": person, "name": name, "auctions": sold[window, person]}
        for (window, person), (name,) in names.items()
        if (window, person) in sold
    ]


def _earliest(rows: Iterable[tuple[Any, tuple[int, str], tuple[Any, ...]]]) -> dict[Any, tuple[Any, ...]]:
    """By key, the values of the row that comes first in time, then by id."""
    first: dict[Any, tuple[tuple[int, str], tuple[Any, ...]]] = {}
    for key, order, values in rows:
        if key not in first or order < first[key][0]:
            first[key] = (order, values)
    return {key: values for key, (_, values) in first.items()}
