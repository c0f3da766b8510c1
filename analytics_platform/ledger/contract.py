"""What the rows of a stream are judged by, as JSON that the ledger keeps: any batch can be judged so again. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from analytics_platform.product import BatchCheck, Rule, SchemaCheck, Severity, Stream
from analytics_platform.product.privacy import Privacy, Treatment

PLAIN = Stream(name="", topic="", pipeline="", description="", owner="")  # with nothing but defaults


def to_json(stream: Stream) -> dict[str, Any]:
    """The stream's rules, checks, horizon and data contract."""
    return {
        "rules": [asdict(rule) for rule in stream.rules],
        "checks": [{**asdict(check), "severity": check.severity.value} for check in stream.checks],
        "late_within_seconds": stream.late_within.total_seconds(),
        # what follows is left out where nothing is declared: digests from before stay what they are
        **({"contract": stream.contract} if stream.contract else {}),
        **({"schemas": _schemas(stream)} if _schemas(stream) != _schemas(PLAIN) else {}),
        **({"privacy": _privacy(stream.privacy)} if stream.privacy else {}),
    }


def digest(stream: Stream) -> str:
    """The sha256 of the stream's contract, in hex: equal contracts of any streams share it."""
    return sha256(json.dumps(to_json(stream), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _schemas(stream: Stream) -> list[Any]:
    """What is declared of the checks of its schemas."""
    return [[check.value for check in stream.strict_schemas], stream.unknown_schemas_at_most, stream.deprecated_at_most]


def under(stream: Stream, body: Mapping[str, Any]) -> Stream:
    """The stream as it was declared when `to_json` wrote that contract."""
    return replace(
        stream,
        rules=tuple(Rule(**rule) for rule in body["rules"]),
        checks=tuple(BatchCheck(**{**check, "severity": Severity(check["severity"])}) for check in body["checks"]),
        late_within=timedelta(seconds=body["late_within_seconds"]),
        contract=body.get("contract", ""),
        privacy=_privacy_under(body["privacy"]) if "privacy" in body else None,
        **_schemas_under(body.get("schemas", _schemas(PLAIN))),
    )


def _schemas_under(declared: list[Any]) -> dict[str, Any]:
    strict, unknown, deprecated = declared
    checks = tuple(SchemaCheck(check) for check in strict)
    return {"strict_schemas": checks, "unknown_schemas_at_most": unknown, "deprecated_at_most": deprecated}


def _privacy(privacy: Privacy) -> dict[str, Any]:
    """How its personal data is kept: what was landed so is read so, whatever is decided later."""
    return {
        "treatments": {tag: treatment.value for tag, treatment in privacy.treatments.items()},
        "tags": dict(privacy.tags),
        "subject": privacy.subject,
        "sealed_for_seconds": privacy.sealed_for.total_seconds(),
    }


def _privacy_under(body: Mapping[str, Any]) -> Privacy:
    return Privacy(
        treatments={tag: Treatment(treatment) for tag, treatment in body["treatments"].items()},
        tags=body["tags"],
        subject=body["subject"],
        sealed_for=timedelta(seconds=body["sealed_for_seconds"]),
    )
