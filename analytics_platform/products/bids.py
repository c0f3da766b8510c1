"""The bids of the auction house: the stream that nearly everything is computed from. Pure."""

from analytics_platform.product import Compatibility, Encoding, FromField, FromHeader, Rule, Stream

BIDS = Stream(
    name="bids",
    topic="bids",
    pipeline="auction_house",
    description=(
        "Every bid made in the auction house: who (bidder) offered how much (price, US cents) for which auction, "
        "when (dateTime, UTC) and through which channel. One row per bid, about 46 for each 3 auctions; bids may "
        "arrive up to an hour late. Join auction to auctions.id and bidder to persons.id."
    ),
    owner="team:auctions",
    encoding=Encoding.CONFLUENT,
    identity=FromHeader("event_id"),
    event_time=FromField("dateTime"),
    key="auction",
    rules=(
        Rule(name="price_is_positive", holds="price > 0"),
        Rule(name="channel_is_named", holds="channel <> ''"),
    ),
    compatibility=Compatibility.BACKWARD,
    partitions=4,
)
