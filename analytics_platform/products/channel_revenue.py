"""What each channel brought in, minute by minute. Pure, but for reading the SQL beside it."""

from datetime import timedelta
from pathlib import Path

from analytics_platform.product import Model, Window

CHANNEL_REVENUE = Model(
    name="channel_revenue",
    pipeline="auction_house",
    description=(
        "Per minute of event time and channel: how many bids came through it, and the sum of their prices (US cents). "
        "One row per minute and channel that had a bid; late bids change minutes that are already here."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("bids",),
    grain=Window(column="minute", size=timedelta(minutes=1)),
    columns={
        "minute": "The minute of event time, by its start (UTC).",
        "channel": "Where the bids came from.",
        "bids": "How many bids came through the channel in that minute.",
        "revenue": "The sum of their prices, in US cents.",
    },
)
