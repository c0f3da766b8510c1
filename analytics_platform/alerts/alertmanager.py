"""Alertmanager, by its API v2."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from analytics_platform.alerts.alert import Alert
from analytics_platform.errors import UnreachableError

STANDS_FOR = timedelta(days=1)  # without news; our own silence must not look like recovery, the heartbeat tells of it
HEARTBEAT_STANDS_FOR = timedelta(minutes=3)
SECONDS = 5.0
HEARTBEAT = {"alertname": "Heartbeat", "severity": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """One Alertmanager. It keeps alerts in memory only, so what stands is sent again each minute."""

    url: str
    name: str = "alertmanager"
    repeats: timedelta | None = timedelta(minutes=1)

    def send(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Tell it; UnreachableError unless it has taken all of them."""
        self._post([_document(alert, now) for alert in alerts])

    def beat(self, now: datetime) -> None:
        """Tell it that we live: a receiver outside must alarm when this stops (a dead man's switch)."""
        ends = now + HEARTBEAT_STANDS_FOR
        alert = Alert(labels=HEARTBEAT, annotations={"summary": "alerts are delivered"}, starts_at=now, ends_at=ends)
        self._post([_document(alert, now)])

    def _post(self, documents: list[dict[str, Any]]) -> None:
        body = json.dumps(documents).encode()
        post(f"{self.url.rstrip('/')}/api/v2/alerts", body, {}, self.name, "check AP_ALERTMANAGER_URL and start it")


def post(url: str, body: bytes, headers: dict[str, str], system: str, remedy: str) -> None:
    """POST JSON; UnreachableError, without anything of the URL but its host, unless the answer is 2xx."""
    request = Request(url, data=body, headers={"Content-Type": "application/json", **headers}, method="POST")
    try:
        with urlopen(request, timeout=SECONDS):
            return
    except (URLError, OSError) as error:
        reason = f"HTTP {error.code}" if hasattr(error, "code") else type(error).__name__
        raise UnreachableError(system, request.host or "", reason, remedy) from None


def _document(alert: Alert, now: datetime) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": alert.starts_at.isoformat(),
        "endsAt": (alert.ends_at or now + STANDS_FOR).isoformat(),
    }
