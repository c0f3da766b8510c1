"""The highest bid of each minute. Pure, but for reading the SQL beside it."""

from datetime import timedelta
from pathlib import Path

from analytics_platform.product import Model, Window

HIGHEST_BID = Model(
    name="highest_bid",
    pipeline="auction_house",
    description=(
        "The highest bid of each minute of event time: its price (US cents), auction, bidder and channel. Of equal "
        "prices the earliest bid wins, then the lowest event id. One row per minute with bids; late bids change "
        "minutes that are already here. After Nexmark query 7."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("bids",),
    grain=Window(column="minute", size=timedelta(minutes=1)),
    columns={
        "minute": "The minute of event time, by its start (UTC).",
        "price": "The highest price bid in that minute, in US cents.",
        "auction": "The auction that was bid for: auctions.id.",
        "bidder": "The person who bid: persons.id.",
        "channel": "Where the bid came from.",
        "bid_at": "When the bid was made (UTC).",
        "event_id": "The bid itself: event_id of bids.",
    },
)
