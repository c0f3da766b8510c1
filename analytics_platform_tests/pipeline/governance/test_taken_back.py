"""Whoever registered as reading a stream, or a model over it, hears of a batch that was taken back; once each time."""

from datetime import timedelta

from psycopg.types.json import Jsonb

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import fold, standing
from analytics_platform.governance.consumers import CONSUMERS_FILE, Consumer, consumers_text
from analytics_platform.pipeline.governance.taken_back import tell_consumers
from analytics_platform.product import Catalog
from analytics_platform_tests.pipeline.governance.bronze import NOW
from analytics_platform_tests.pipeline.house import HOUSE

DECLARED = Catalog(pipelines={"house": HOUSE})
READERS = {"fraud": "bids-value", "board": "kinds", "lots": "auctions", "stock": "bids"}


def retract(ledger, minutes):
    body, at = Jsonb({"reason": "cents for euros"}), NOW + timedelta(minutes=minutes)
    ledger.execute(
        "insert into outbox (kind, key, body, created_at) values ('batch retracted', 'bids/7', %s, %s)", [body, at]
    )


def test_each_reader_of_what_changed_is_told_once_a_retraction(ledger, tmp_path):
    consumers = [Consumer(name=name, owner=f"team:{name}", reads=reads) for name, reads in READERS.items()]
    (tmp_path / CONSUMERS_FILE).write_text(consumers_text(consumers))
    retract(ledger, 0)
    for minute in range(3):
        tell_consumers(ledger, tmp_path, DECLARED, NOW + timedelta(minutes=minute))
    fold(ledger, Known(), NOW)
    told = {
        a.labels["subject"]: a.labels["owner"]
        for a in standing(ledger, NOW)
        if a.labels["alertname"] == "RowsTakenBack"
    }
    assert told == {f"bids/7 for {name}": f"team:{name}" for name in ("fraud", "board", "stock")}
    retract(ledger, 5)
    tell_consumers(ledger, tmp_path, DECLARED, NOW + timedelta(minutes=6))
    assert ledger.execute("select count(*) from outbox where kind = 'rows taken back'").fetchone() == (6,)


def test_without_a_registered_reader_nobody_is_told(ledger, tmp_path):
    retract(ledger, 0)
    tell_consumers(ledger, tmp_path, DECLARED, NOW)
    assert ledger.execute("select count(*) from outbox").fetchone() == (1,)
