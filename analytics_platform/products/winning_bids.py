"""Who won each auction. Pure, but for reading the SQL beside it."""

from pathlib import Path

from analytics_platform.product import Key, Life, Model

WINNING_BIDS = Model(
    name="winning_bids",
    pipeline="auction_house",
    description=(
        "Per auction that is over: the highest bid made between its opening and its close, and who made it. Of equal "
        "prices the earliest bid wins, then the lowest event id. A row appears when the watermark has passed the "
        "close, be there further events or not; auctions without a bid have none. After Nexmark query 9."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("auctions", "bids"),
    grain=Key(column="auction", life=Life(input="auctions", starts="dateTime", ends="expires")),
    touches={"auctions": "id", "bids": "auction"},
    columns={
        "auction": "The auction: auctions.id.",
        "category": "The kind of item, 10 to 14: auctions.category.",
        "seller": "The person who sold: persons.id.",
        "closed_at": "When the auction closed (UTC): auctions.expires.",
        "price": "The highest price bid in time, in US cents.",
        "bidder": "The person who bid it: persons.id.",
        "bid_at": "When the bid was made (UTC).",
        "event_id": "The bid itself: event_id of bids.",
    },
)
