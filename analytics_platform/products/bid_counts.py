"""How often each auction was bid for: sums that add up to longer windows. Pure, but for reading the SQL beside it."""

from datetime import timedelta
from pathlib import Path

from analytics_platform.product import Model, Window

BID_COUNTS = Model(
    name="bid_counts",
    pipeline="auction_house",
    description=(
        "Per two minutes of event time and auction: how many bids it got. Partial sums that can be added up, so that "
        "hot_items need not count the bids of each of its overlapping windows again. Bids more than half an hour late "
        "do not count here."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("bids",),
    grain=Window(column="pane", size=timedelta(minutes=2)),
    lateness=timedelta(minutes=30),
    columns={
        "pane": "The two minutes of event time, by their start (UTC).",
        "auction": "The auction that was bid for: auctions.id.",
        "bids": "How many bids it got in them.",
    },
)
