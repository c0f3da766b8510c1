"""What was won hour by hour and category by category: sums that add up to any longer time. Pure, but for its SQL."""

from datetime import timedelta
from pathlib import Path

from analytics_platform.product import Model, Window

CLOSING_PRICES = Model(
    name="closing_prices",
    pipeline="auction_house",
    description=(
        "Per hour in which auctions closed and category: how many found a winner, and the sum of their winning prices "
        "(US cents). Partial sums that can be added up, so that nothing needs to read every auction again."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("winning_bids",),
    grain=Window(column="hour", size=timedelta(hours=1)),
    touches={"winning_bids": "closed_at"},
    columns={
        "hour": "The hour in which the auctions closed, by its start (UTC).",
        "category": "The kind of item, 10 to 14: auctions.category.",
        "auctions": "How many auctions closed with a winner.",
        "revenue": "The sum of their winning prices, in US cents.",
    },
)
