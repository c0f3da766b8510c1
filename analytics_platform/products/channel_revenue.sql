select
    minute,
    channel,
    count(*) as bids,
    sum(price)::bigint as revenue
from bids
group by minute, channel
