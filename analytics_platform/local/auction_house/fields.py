"""The fields of persons, auctions and bids, column by column, in the order of their schemas. Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analytics_platform.local.auction_house import pools
from analytics_platform.local.auction_house.chance import Chance, Longs
from analytics_platform.local.auction_house.faults import Fault
from analytics_platform.local.auction_house.plan import AUCTIONS_PER_EPOCH, EPOCH, PERSONS_PER_EPOCH, Kind, Rows
from analytics_platform.local.auction_house.pools import Pick, Pool

Fields = Mapping[str, Longs | Pick]
FIRST_ID = 1_000
HOT_EVERY = 100  # one of a hundred auctions, sellers and bidders is hot for a while
IN_FLIGHT_AUCTIONS = 100
ACTIVE_PERSONS = 1_000
LEAD = 10  # events may refer to ids that appear a moment later
FIRST_CATEGORY, CATEGORIES = 10, 5


def fields_of(kind: Kind, rows: Rows, chance: Chance, per_second: float) -> Fields:
    """The payload of each row; `per_second` is how many events happen in a second of event time."""
    if kind is Kind.PERSONS:
        return _persons(rows, chance)
    if kind is Kind.AUCTIONS:
        return _auctions(rows, chance, per_second)
    return _bids(rows, chance)


def key_ids(kind: Kind, numbers: Longs, chance: Chance) -> Longs:
    """The id that a row's key holds: the auction of a bid, else the event's own id."""
    if kind is Kind.PERSONS:
        return FIRST_ID + _last_person(numbers)
    if kind is Kind.AUCTIONS:
        return FIRST_ID + _last_auction(numbers)
    return _bid_auctions(numbers, chance)


def _persons(rows: Rows, chance: Chance) -> Fields:
    numbers = rows.numbers
    cities = _drawn(chance, "city", numbers, len(pools.cities()))
    cities = np.where(rows.faults == Fault.CONFLICT, (cities + 1) % len(pools.cities()), cities)
    addresses = pools.email_addresses()
    email = _drawn(chance, "email", numbers, len(addresses) - 1)
    return {
        "id": FIRST_ID + _last_person(numbers),
        "name": _pick(chance, "name", numbers, pools.names()),
        "emailAddress": Pick(addresses, np.where(rows.faults == Fault.RULE, np.int32(len(addresses) - 1), email)),
        "creditCard": _pick(chance, "card", numbers, pools.credit_cards()),
        "city": Pick(pools.cities(), cities.astype(np.int32)),
        "state": _pick(chance, "state", numbers, pools.states()),
        "dateTime": rows.times_ms,
        "extra": _pick(chance, "person extra", numbers, pools.fillers("person", 20, 60)),
    }


def _auctions(rows: Rows, chance: Chance, per_second: float) -> Fields:
    numbers = rows.numbers
    initial = _prices("initial", numbers, chance)
    reserve = initial + _prices("reserve", numbers, chance)
    mean_life_ms = IN_FLIGHT_AUCTIONS * EPOCH / AUCTIONS_PER_EPOCH * 1000 / per_second
    return {
        "id": FIRST_ID + _last_auction(numbers),
        "itemName": _pick(chance, "item", numbers, pools.item_names()),
        "description": _pick(chance, "description", numbers, pools.descriptions()),
        "initialBid": np.where(rows.faults == Fault.RULE, -initial, initial),
        "reserve": reserve + (rows.faults == Fault.CONFLICT),
        "dateTime": rows.times_ms,
        "expires": rows.times_ms + 1 + chance.below("life", numbers, 2 * mean_life_ms),
        "seller": _persons_drawn("seller", numbers, chance, hot_offset=0),
        "category": FIRST_CATEGORY + chance.below("category", numbers, CATEGORIES),
        "extra": _pick(chance, "auction extra", numbers, pools.fillers("auction", 60, 160)),
    }


def _bids(rows: Rows, chance: Chance) -> Fields:
    numbers = rows.numbers
    price = _prices("price", numbers, chance) + (rows.faults == Fault.CONFLICT)
    hot = chance.below("hot channel", numbers, 2) > 0
    hot_channel = _drawn(chance, "channel", numbers, len(pools.HOT_CHANNELS))
    other = len(pools.HOT_CHANNELS) + _drawn(chance, "channel", numbers, pools.OTHER_CHANNELS)
    channel = np.where(hot, hot_channel, other).astype(np.int32)
    return {
        "auction": _bid_auctions(numbers, chance),
        "bidder": _persons_drawn("bidder", numbers, chance, hot_offset=1),
        "price": np.where(rows.faults == Fault.RULE, -price, price),
        "channel": Pick(pools.channels(), channel),
        "url": Pick(pools.urls(), channel),
        "dateTime": rows.times_ms,
        "extra": _pick(chance, "bid extra", numbers, pools.fillers("bid", 20, 60)),
    }


def _last_person(numbers: Longs) -> Longs:
    """The newest person when the event happens, counted from 0."""
    return numbers // EPOCH


def _last_auction(numbers: Longs) -> Longs:
    """The newest auction when the event happens, counted from 0; -1 before the first."""
    place = np.minimum(numbers % EPOCH - PERSONS_PER_EPOCH, AUCTIONS_PER_EPOCH - 1)
    return numbers // EPOCH * AUCTIONS_PER_EPOCH + place


def _bid_auctions(numbers: Longs, chance: Chance) -> Longs:
    """Half of the bids go to the hot auction, the others to any that is in flight."""
    last = _last_auction(numbers)
    first = np.maximum(last - IN_FLIGHT_AUCTIONS, 0)
    cold = first + chance.below("auction", numbers, last - first + 1 + LEAD)
    hot = last // HOT_EVERY * HOT_EVERY
    return FIRST_ID + np.where(chance.below("hot auction", numbers, 2) > 0, hot, cold)


def _persons_drawn(purpose: str, numbers: Longs, chance: Chance, hot_offset: int) -> Longs:
    """Three of four times the hot person, else any of those that registered lately."""
    last = _last_person(numbers)
    active = np.minimum(last + 1, ACTIVE_PERSONS)
    cold = last + 1 - active + chance.below(purpose, numbers, active + LEAD)
    hot = last // HOT_EVERY * HOT_EVERY + hot_offset
    return FIRST_ID + np.where(chance.below(f"hot {purpose}", numbers, 4) > 0, hot, cold)


def _prices(purpose: str, numbers: Longs, chance: Chance) -> Longs:
    """Cents from one dollar to a million, evenly on a logarithmic scale."""
    return np.rint(10.0 ** (chance.share(purpose, numbers) * 6) * 100).astype(np.int64)


def _drawn(chance: Chance, purpose: str, numbers: Longs, limit: int) -> NDArray[np.int32]:
    return chance.below(purpose, numbers, limit).astype(np.int32)


def _pick(chance: Chance, purpose: str, numbers: Longs, pool: Pool) -> Pick:
    return Pick(pool, _drawn(chance, purpose, numbers, len(pool)))
