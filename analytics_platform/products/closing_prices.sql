select
    hour,
    category,
    count(*) as auctions,
    sum(price)::bigint as revenue
from winning_bids
group by hour, category
