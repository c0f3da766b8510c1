"""A signed webhook: each change of an alert as JSON, with a key by which a receiver knows what it has had."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics_platform.alerts.alert import Alert
from analytics_platform.alerts.alertmanager import post

SIGNATURE, TIMESTAMP, KEY = "X-Signature", "X-Timestamp", "X-Dedup-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where alerts are posted to, and the secret that signs them."""

    url: str
    secret: str = field(repr=False)
    name: str = "webhook"
    repeats: timedelta | None = None

    def send(self, alerts: Sequence[Alert], now: datetime) -> None:
        """One request for each; UnreachableError unless every one was taken."""
        for alert in alerts:
            body = json.dumps(document(alert, now), sort_keys=True).encode()
            at = str(int(now.timestamp()))
            headers = {SIGNATURE: signature(self.secret, at, body), TIMESTAMP: at, KEY: alert.key}
            post(self.url, body, headers, self.name, "check AP_ALERT_WEBHOOK_URL and its receiver")

    def beat(self, now: datetime) -> None:
        """Nothing: whoever gets single alerts cannot tell silence from peace."""


def document(alert: Alert, now: datetime) -> dict[str, object]:
    """What is posted."""
    return {
        "key": alert.key,
        "status": "firing" if alert.is_firing(now) else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": alert.starts_at.isoformat(),
        "ends_at": alert.ends_at.isoformat() if alert.ends_at else None,
    }


def signature(secret: str, at: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hex: a receiver computes the same, and refuses old timestamps."""
    return "sha256=" + hmac.new(secret.encode(), at.encode() + b"." + body, "sha256").hexdigest()
