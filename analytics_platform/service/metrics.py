"""/metrics: what Prometheus reads, measured from the ledger at each request."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics_platform.facts import Outcome
from analytics_platform.ledger.postgres import accuracy
from analytics_platform.ledger.postgres import metrics as store
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.quality.metrics import OPENMETRICS, TEXT, Family, HourOfStream, families, render
from analytics_platform.security.certificate_ends import certificate_ends
from analytics_platform.service.guard import Guard
from analytics_platform.service.limits import Cost
from analytics_platform.settings import Settings

PATH = "/metrics"
COUNTS = ("offsets", "gaps", "rows", "too_late", "verdicts", "failed")
Measure = Callable[[], list[Family]]


def metrics_route(measure: Measure, guard: Guard) -> Route:
    """The route, in the form that whoever asks prefers: Prometheus' own text, or OpenMetrics."""

    async def answer(request: Request) -> Response:
        guard.require_rate(request.client.host if request.client else "", Cost.WORK)
        is_openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
        text = render(await run_in_threadpool(measure), is_openmetrics=is_openmetrics)
        return Response(text.encode(), media_type=OPENMETRICS if is_openmetrics else TEXT)

    return Route(PATH, answer, methods=["GET"])


def measure_from(dsn: str, settings: Settings, declared: Catalog) -> Measure:
    """What measures that ledger, and looks at certificates; a connection for each request: a few times a minute."""

    def measure() -> list[Family]:
        now = datetime.now(UTC)
        with connect(dsn, application="metrics") as ledger:
            return [*measured(ledger, declared, now), time_left(certificate_ends(settings), now)]

    return measure


def measured(ledger: psycopg.Connection, declared: Catalog, now: datetime) -> list[Family]:
    """Every metric of the declared streams, from the ledger."""
    hours = [_hour(row) for row in store.newest_hours(ledger, sorted(declared.streams))]
    compared = accuracy.newest(ledger, sorted([*declared.streams, *declared.models]))
    accuracies = {(product, found.check, found.reference): found.value for product, found in compared}
    return families(hours, store.failing_counts(ledger), store.alert_counts(ledger, now), accuracies, now)


def time_left(ends: Mapping[str, datetime], now: datetime) -> Family:
    """For how long each certificate is good; negative where it is over. Pure."""
    samples = [({"file": name}, (at - now).total_seconds()) for name, at in ends.items()]
    return Family(name="ap_certificate_left_seconds", help="How long a certificate is still good.", samples=samples)


def _hour(row: Mapping[str, Any]) -> HourOfStream:
    outcomes = {Outcome(name): int(count) for name, count in (row["outcomes"] or {}).items()}
    values: dict[str, Any] = {
        **row,
        **{name: int(row[name]) for name in COUNTS},
        "outcomes": outcomes,
        "measures": {name: float(value) for name, value in (row["measures"] or {}).items()},
        "age_seconds": float(row["age_seconds"] or 0),
    }
    return HourOfStream(**values)
