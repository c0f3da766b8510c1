"""A reader that nobody registered is told of once, to the stream's owner, until it is registered or gone."""

from datetime import timedelta

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import fold, standing
from analytics_platform.governance.readers import Unregistered
from analytics_platform.pipeline.governance.readers import note_unregistered
from analytics_platform_tests.pipeline.governance.bronze import NOW

KNOWN = Known(owners={"bids/silver": "team:auctions"}, pipelines={"bids/silver": "house"})
FRAUD, TOOL = (Unregistered(stream="bids", group=group) for group in ("fraud", "tool"))


def look(ledger, minute, *found):
    """What stands after a look that found those."""
    now = NOW + timedelta(minutes=minute)
    note_unregistered(ledger, found, now)
    fold(ledger, KNOWN, now)
    return {alert.labels["subject"]: alert for alert in standing(ledger, now)}


def test_each_is_one_alert_to_the_streams_owner_until_it_is_over(ledger):
    first = look(ledger, 0, FRAUD, TOOL)
    assert first.keys() == {"bids/fraud", "bids/tool"}
    assert first["bids/fraud"].labels["alertname"] == "ReaderUnregistered"
    assert first["bids/fraud"].labels["owner"] == "team:auctions"
    assert look(ledger, 1, FRAUD, TOOL) == first
    assert look(ledger, 2, TOOL).keys() == {"bids/tool"}
    assert look(ledger, 3) == {}
    assert look(ledger, 4, FRAUD).keys() == {"bids/fraud"}
    assert ledger.execute("select count(*) from outbox").fetchone() == (3,)
