"""Who sells as soon as they have registered. Pure, but for reading the SQL beside it."""

from datetime import timedelta
from pathlib import Path

from analytics_platform.product import Model, Window

NEW_SELLERS = Model(
    name="new_sellers",
    pipeline="auction_house",
    description=(
        "Every ten minutes of event time: the persons who registered in them and opened an auction in the same ten "
        "minutes. One row per person and window. After Nexmark query 8."
    ),
    owner="team:auctions",
    sql=Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
    inputs=("auctions", "persons"),
    grain=Window(column="window_start", size=timedelta(minutes=10)),
    columns={
        "window_start": "When the ten minutes begin (UTC).",
        "person": "Who registered and sold: persons.id.",
        "name": "First and last name; if an id registered twice, of the earlier, then of the lower event id.",
        "auctions": "How many auctions the person opened in these ten minutes.",
    },
)
