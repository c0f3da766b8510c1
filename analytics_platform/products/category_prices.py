"""The average winning price of each category. Pure, but for reading the SQL beside it."""

from pathlib import Path

from analytics_platform.product import Key, Model

CATEGORY_PRICES = Model(
    name="category_prices",
    pipeline="auction_house",
    description=(
        "Per category: how many auctions closed with a winner so far, and their average winning price. One row per "
        "category, computed from the hourly sums of closing_prices. After Nexmark query 4."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("closing_prices",),
    grain=Key(column="category"),
    touches={"closing_prices": "category"},
    columns={
        "category": "The kind of item, 10 to 14: auctions.category.",
        "auctions": "How many auctions closed with a winner.",
        "average_price": (
            "Their average winning price in US cents: the exact sum of cents over the exact number of auctions, as one "
            "division of doubles, so that it does not depend on any order."
        ),
    },
)
