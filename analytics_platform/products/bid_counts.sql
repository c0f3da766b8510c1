select
    pane,
    auction,
    count(*) as bids
from bids
group by pane, auction
