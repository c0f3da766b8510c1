"""What becomes of the alerts that stand when something has changed. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from analytics_platform.alerts.alert import CHECK_FAILING, Alert


def changed_alerts(
    standing: Mapping[str, Alert], wanted: Mapping[str, Alert], over: Collection[str], now: datetime
) -> list[Alert]:
    """The alerts that are new, tell something else, or are over.

    Args:
        standing: by key, every alert that was made and has not ended.
        wanted: by key, those that follow from what fails now, and from notes that were just read.
        over: keys of others that are over: what they told is no longer so.
        now: when the ones that are over end.
    """
    found = []
    for key, alert in wanted.items():
        before = standing.get(key)
        if before is None:
            found.append(alert)
        elif (before.annotations, before.ends_at) != (alert.annotations, alert.ends_at):
            found.append(replace(alert, starts_at=before.starts_at))
    for key, alert in standing.items():
        is_check = alert.labels.get("alertname") == CHECK_FAILING
        if key not in wanted and (is_check or key in over):
            found.append(replace(alert, ends_at=now))
    return found
