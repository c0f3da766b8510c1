"""The auctions of the auction house: items, their terms and when they close. Pure."""

from analytics_platform.product import Compatibility, Encoding, FromField, FromHeader, Rule, Stream

AUCTIONS = Stream(
    name="auctions",
    topic="auctions",
    pipeline="auction_house",
    description=(
        "Every auction opened: the item, its category (10 to 14), its terms (initialBid and reserve, US cents), and "
        "from when (dateTime) to when (expires, UTC) it is open. One row per auction, written when it opens; it closes "
        "without a further event. Join seller to persons.id; bids refer to id."
    ),
    owner="team:auctions",
    encoding=Encoding.CONFLUENT,
    identity=FromHeader("event_id"),
    event_time=FromField("dateTime"),
    key="id",
    rules=(
        Rule(name="initial_bid_is_positive", holds='"initialBid" > 0'),
        Rule(name="reserve_covers_initial_bid", holds='reserve >= "initialBid"'),
        Rule(name="closes_after_it_opens", holds='expires > "dateTime"'),
    ),
    compatibility=Compatibility.BACKWARD,
    partitions=2,
)
