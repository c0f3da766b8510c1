"""The auctions that were bid for most. Pure, but for reading the SQL beside it."""

from datetime import timedelta
from pathlib import Path

from analytics_platform.product import Model, Window

HOT_ITEMS = Model(
    name="hot_items",
    pipeline="auction_house",
    description=(
        "Every two minutes of event time: which auction got the most bids in the ten minutes from then on, and how "
        "many. Where several got as many, each has a row. Computed from the sums of bid_counts, where bids more than "
        "half an hour late do not count. After Nexmark query 5."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("bid_counts",),
    grain=Window(column="window_start", size=timedelta(minutes=10), every=timedelta(minutes=2)),
    touches={"bid_counts": "pane"},
    columns={
        "window_start": "When the ten minutes begin (UTC).",
        "auction": "An auction that nothing outdid in them: auctions.id.",
        "bids": "How many bids it got in them.",
    },
)
