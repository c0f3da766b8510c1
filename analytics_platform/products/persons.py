"""The people of the auction house, as they register. Pure."""

from analytics_platform.product import Compatibility, Encoding, FromField, FromHeader, Rule, Stream

PERSONS = Stream(
    name="persons",
    topic="persons",
    pipeline="auction_house",
    description=(
        "Every person registered with the auction house, to sell or to bid: name, e-mail address, credit card (made "
        "up), city and state. One row per person, written at registration (dateTime, UTC) and never updated. "
        "auctions.seller and bids.bidder refer to id."
    ),
    owner="team:auctions",
    encoding=Encoding.CONFLUENT,
    identity=FromHeader("event_id"),
    event_time=FromField("dateTime"),
    key="id",
    rules=(
        Rule(name="name_is_given", holds="name <> ''"),
        Rule(
            name="email_address_has_a_domain",  # a ciphertext has no form
            holds="\"emailAddress\" like '_%@_%' or starts_with(\"emailAddress\", 'enc_')",
        ),
    ),
    compatibility=Compatibility.BACKWARD,
    partitions=2,
)
