with counted as (
    select window_start, auction, sum(bids)::bigint as bids
    from bid_counts
    group by window_start, auction
)

select window_start, auction, bids
from counted
qualify bids = max(bids) over (partition by window_start)
