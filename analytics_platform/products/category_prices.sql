select
    category,
    sum(auctions)::bigint as auctions,
    sum(revenue)::double / sum(auctions)::double as average_price
from closing_prices
group by category
