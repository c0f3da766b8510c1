"""Alertmanager's API v2 and the signed webhook, as a receiver sees them."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.alerts.alert import Alert
from analytics_platform.alerts.alertmanager import Alertmanager
from analytics_platform.alerts.webhook import KEY, SIGNATURE, TIMESTAMP, Webhook
from analytics_platform.errors import UnreachableError
from analytics_platform_tests.alerts.receivers import http_receiver

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRING = Alert(labels={"alertname": "CheckFailing", "cause": "price"}, annotations={"summary": "s"}, starts_at=NOON)
ENDED = Alert(labels=FIRING.labels, annotations={}, starts_at=NOON, ends_at=NOON + timedelta(minutes=5))


def test_alertmanager_gets_labels_annotations_and_times():
    with http_receiver() as received:
        Alertmanager(url=received.url).send([FIRING, ENDED], NOON + timedelta(minutes=6))
    ((path, _, _),) = received.requests
    firing, ended = received.bodies()[0]
    assert path == "/api/v2/alerts" and firing["labels"] == dict(FIRING.labels)
    assert firing["endsAt"] > "2026-11-02" and ended["endsAt"] == "2026-11-01T12:05:00+00:00"


def test_the_heartbeat_ends_soon_unless_it_goes_on():
    with http_receiver() as received:
        Alertmanager(url=received.url).beat(NOON)
    ((beat,),) = received.bodies()
    assert beat["labels"]["alertname"] == "Heartbeat" and beat["endsAt"] == "2026-11-01T12:03:00+00:00"


def test_a_receiver_can_check_the_signature_and_knows_repetitions_by_the_key():
    with http_receiver() as received:
        hook = Webhook(url=received.url, secret="s3cret")
        hook.send([FIRING], NOON)
        hook.send([FIRING], NOON + timedelta(minutes=1))
    (_, first, body), (_, second, _) = received.requests
    expected = hmac.new(b"s3cret", first[TIMESTAMP].encode() + b"." + body, "sha256").hexdigest()
    assert first[SIGNATURE] == f"sha256={expected}"
    assert first[KEY] == second[KEY] and first[SIGNATURE] != second[SIGNATURE]
    assert "s3cret" not in repr(hook) + body.decode()


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_answer_that_is_no_success_is_an_error_without_the_secret_part_of_the_address(status):
    with http_receiver() as received:
        received.status = status
        with pytest.raises(UnreachableError, match=f"HTTP {status}") as refused:
            Webhook(url=f"{received.url}/hooks/T0K3N", secret="s").send([FIRING], NOON)
    assert "T0K3N" not in str(refused.value)


def test_nobody_there_is_an_error_too():
    with http_receiver() as received:
        pass
    with pytest.raises(UnreachableError):
        Alertmanager(url=received.url).send([FIRING], NOON)
