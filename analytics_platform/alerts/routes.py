"""Alertmanager's routes, generated from who owns what: by owner, then by severity. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from analytics_platform.alerts.alertmanager import HEARTBEAT

DEFAULT, SWITCH = "default", "heartbeat"
GROUPED_BY = ["alertname", "asset", "subject", "cause"]


def routes(owners: Iterable[str], receivers: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration for Alertmanager.

    Args:
        owners: of every stream and model: `team:auctions`, or an e-mail address.
        receivers: by name what Alertmanager calls a receiver's configs; `<owner>`, `<owner>/error` or `<owner>/warn`
            get what is theirs, `default` the rest, `heartbeat` the dead man's switch.
    """
    names = {DEFAULT, *receivers}
    owned = [_of_owner(owner, names) for owner in sorted(set(owners))]
    return {
        "route": {
            "receiver": DEFAULT,
            "group_by": GROUPED_BY,
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
            "routes": [_of_heartbeat(names), *(route for route in owned if route)],
        },
        "inhibit_rules": [
            {  # the same cause at two severities: the worse one speaks
                "source_matchers": ['severity="error"'],
                "target_matchers": ['severity="warn"'],
                "equal": ["asset", "cause"],
            },
        ],
        "receivers": [{"name": name, **receivers.get(name, {})} for name in sorted(names)],
    }


def _of_heartbeat(names: set[str]) -> dict[str, Any]:
    """It comes once a minute and is passed on as often: its silence is what alarms."""
    return {
        "receiver": SWITCH if SWITCH in names else DEFAULT,
        "matchers": [f'alertname="{HEARTBEAT["alertname"]}"'],
        "group_wait": "0s",
        "group_interval": "30s",
        "repeat_interval": "1m",
    }


def _of_owner(owner: str, names: set[str]) -> dict[str, Any] | None:
    """What is an owner's goes to its receivers; None if it has none of its own."""
    by_severity = [
        {"receiver": f"{owner}/{severity}", "matchers": [f'severity="{severity}"']}
        for severity in ("error", "warn")
        if f"{owner}/{severity}" in names
    ]
    if owner not in names and not by_severity:
        return None
    route = {"receiver": owner if owner in names else DEFAULT, "matchers": [f'owner="{owner}"']}
    return {**route, "routes": by_severity} if by_severity else route
