"""One client cannot take the service away from others: how often, how long, how much, and what answers carry."""

import json
from http.client import HTTPConnection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.security.roles import Role
from analytics_platform.service.app import ENDPOINTS
from analytics_platform.service.limits import LIMITS, MOST_CLIENTS, Buckets, Cost
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.service.served import repository, serving
from analytics_platform_tests.service.test_api import A
from analytics_platform_tests.service.tokens import bearing, issued

COSTS = st.sampled_from(list(Cost))


@given(COSTS, st.lists(st.floats(0, 0.2), max_size=300))
def test_in_no_span_does_a_client_get_more_than_its_limit(cost, pauses):
    buckets, now, let_in = Buckets(), 0.0, 0
    for pause in pauses:
        now += pause
        let_in += not buckets.wait("a", cost, now)
    assert let_in <= LIMITS[cost].at_once + LIMITS[cost].a_second * now + 1e-6


@given(COSTS)
def test_whoever_waits_as_long_as_told_is_let_in(cost):
    buckets, now = Buckets(), 0.0
    while not (seconds := buckets.wait("a", cost, now)):
        pass
    assert buckets.wait("a", cost, now + seconds * 1.001) == 0


def test_one_client_takes_nothing_from_another():
    buckets = Buckets()
    while not buckets.wait("a", Cost.CHANGE, 0.0):
        pass
    assert buckets.wait("b", Cost.CHANGE, 0.0) == 0 == buckets.wait("a", Cost.MEMORY, 0.0)


def test_clients_are_remembered_up_to_a_number():
    buckets = Buckets()
    for number in range(MOST_CLIENTS + 10):
        buckets.wait(str(number), Cost.WORK, 0.0)
    assert len(buckets.kept) == MOST_CLIENTS


def test_every_endpoint_that_changes_something_asks_who_it_is():
    free = {"/": "POST", "/subjects/{subject}": "POST"}  # a greeting, and a look-up
    for endpoint in ENDPOINTS:
        is_question = endpoint.method == "GET" or endpoint.path.startswith("/compatibility")
        assert endpoint.action or is_question or free[endpoint.path] == endpoint.method, endpoint.path
        assert endpoint.takes_time or not endpoint.action, endpoint.path  # permission waits for Postgres


@pytest.fixture(scope="module")
def served(postgres_dsn, tmp_path_factory):
    with serving(postgres_dsn, repository(tmp_path_factory.mktemp("limits"))) as found:
        yield found


@pytest.fixture(scope="module")
def postgres_dsn(postgres):
    with fresh_ledger(postgres) as dsn:
        yield dsn


@pytest.mark.parametrize("path", ["/subjects", "/nothing", "/openapi.json"])
def test_every_answer_carries_strict_headers(served, path):
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", path)
    headers = connection.getresponse().headers
    connection.close()
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'") and headers["X-Frame-Options"] == "DENY"


def test_a_path_that_is_too_long_is_refused_before_anything_is_done(served):
    answer = served.ask("GET", "/subjects?subjectPrefix=" + "a" * 4_000)
    assert (answer.status, answer.body["error_code"]) == (414, 414)


def test_a_client_that_asks_too_often_is_told_when_to_ask_again(served):
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    for _ in range(LIMITS[Cost.CHANGE].at_once * 3):
        connection.request("DELETE", "/subjects/none", headers={})
        response = connection.getresponse()
        text = response.read()
        if response.status == 429:
            break
    assert (response.status, json.loads(text)["error_code"]) == (429, 429)
    assert int(response.headers["Retry-After"]) >= 1
    assert served.ask("GET", "/subjects").status == 200  # reading goes on
    connection.close()


def test_reading_is_free_and_changing_takes_a_role(ledger_dsn, tmp_path):
    with serving(ledger_dsn, repository(tmp_path)) as found:
        schema = {"schema": json.dumps(A)}
        tokens = {role: bearing(issued(found.registry, "ana", roles=frozenset({role}))) for role in Role}
        assert found.ask("POST", "/subjects/s/versions", schema, {}).status == 401
        assert found.ask("POST", "/subjects/s/versions", schema, tokens[Role.VIEWER]).status == 403
        assert found.ask("POST", "/subjects/s/versions", schema, tokens[Role.ENGINEER]).status == 200
        assert found.ask("POST", "/subjects/s/versions", schema, {}).status == 200  # it is there already
        refused = found.ask("DELETE", "/subjects/s/versions/1", None, tokens[Role.ENGINEER])
        assert refused.status == 403 and "ana" in refused.body["message"] and "steward" in refused.body["message"]
        assert found.ask("DELETE", "/subjects/s/versions/1", None, {}).status == 401
        assert found.ask("DELETE", "/subjects/s/versions/1", None, tokens[Role.STEWARD]).status == 200
        rows = found.registry.change(
            lambda registrar: registrar.connection.execute(
                "select who, action, target, problem = '' from access_fact order by number"
            ).fetchall()
        )
    assert rows == [
        ("nobody known", "register a schema", "s", False),
        ("ana", "register a schema", "s", False),
        ("ana", "register a schema", "s", True),
        ("ana", "delete a version of a schema", "s/1", False),
        ("nobody known", "delete a version of a schema", "s/1", False),
        ("ana", "delete a version of a schema", "s/1", True),
    ]
