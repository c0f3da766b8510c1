with registered as (
    select
        window_start,
        id as person,
        arg_min(name, {event_at: event_at, event_id: event_id}) as name
    from persons
    group by window_start, id
),

sold as (
    select
        window_start,
        seller as person,
        count(*) as auctions
    from auctions
    group by window_start, seller
)

select
    window_start,
    person,
    registered.name,
    sold.auctions
from registered
inner join sold using (window_start, person)
