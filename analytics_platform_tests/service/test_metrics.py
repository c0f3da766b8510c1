"""/metrics in the form that whoever scrapes prefers."""

import asyncio

import pytest
from starlette.requests import Request

from analytics_platform.quality.metrics import Family
from analytics_platform.service.guard import Guard
from analytics_platform.service.metrics import PATH, metrics_route

FOUND = [Family(name="ap_up", help="It is.", samples=[({"stream": "bids"}, 1.0)])]
PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


def ask(accept):
    headers = [(b"accept", accept.encode())] if accept else []
    request = Request({"type": "http", "method": "GET", "path": PATH, "headers": headers, "query_string": b""})
    return asyncio.run(metrics_route(lambda: FOUND, Guard()).endpoint(request))


@pytest.mark.parametrize(
    ("accept", "type_", "end"),
    [
        (PROMETHEUS, "application/openmetrics-text; version=1.0.0", "# EOF\n"),
        ("text/plain", "text/plain; version=0.0.4", " 1.0\n"),
        ("", "text/plain; version=0.0.4", " 1.0\n"),
    ],
)
def test_prometheus_gets_openmetrics_and_everybody_else_text(accept, type_, end):
    answer = ask(accept)
    assert answer.headers["content-type"].startswith(type_) and answer.body.decode().endswith(end)
    assert 'ap_up{stream="bids"} 1.0' in answer.body.decode()
