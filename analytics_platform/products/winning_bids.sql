-- an id that two auctions carry means the one that opened first, then the one of the lower event id
with opened as (
    select
        id,
        arg_min(
            {category: category, seller: seller, opened_at: "dateTime", closed_at: expires},
            {event_at: event_at, event_id: event_id}
        ) as terms
    from auctions
    group by id
),

won as (
    select
        opened.id as auction,
        opened.terms,
        arg_min(
            {price: bids.price, bidder: bids.bidder, bid_at: bids.event_at, event_id: bids.event_id},
            {price: -bids.price, event_at: bids.event_at, event_id: bids.event_id}
        ) as best
    from opened
    inner join bids
        on bids.auction = opened.id
        and bids.event_at between opened.terms.opened_at and opened.terms.closed_at
    where opened.terms.closed_at <= watermark()
    group by opened.id, opened.terms
)

select
    auction,
    terms.category,
    terms.seller,
    terms.closed_at,
    best.price,
    best.bidder,
    best.bid_at,
    best.event_id
from won
