"""What the rows of a stream are judged by, as JSON that the ledger keeps: any batch can be judged so again. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from analytics_platform.product import BatchCheck, Rule, Severity, Stream


def to_json(stream: Stream) -> dict[str, Any]:
    """The stream's rules, checks, horizon and data contract."""
    return {
        "rules": [asdict(rule) for rule in stream.rules],
        "checks": [{**asdict(check), "severity": check.severity.value} for check in stream.checks],
        "late_within_seconds": stream.late_within.total_seconds(),
        **({"contract": stream.contract} if stream.contract else {}),  # so that digests from before stay what they are
    }


def digest(stream: Stream) -> str:
    """The sha256 of the stream's contract, in hex: equal contracts of any streams share it."""
    return sha256(json.dumps(to_json(stream), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def under(stream: Stream, body: Mapping[str, Any]) -> Stream:
    """The stream as it was declared when `to_json` wrote that contract."""
    return replace(
        stream,
        rules=tuple(Rule(**rule) for rule in body["rules"]),
        checks=tuple(BatchCheck(**{**check, "severity": Severity(check["severity"])}) for check in body["checks"]),
        late_within=timedelta(seconds=body["late_within_seconds"]),
        contract=body.get("contract", ""),
    )
