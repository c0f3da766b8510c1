"""Routes follow from owners; Alertmanager itself says whether they are right (make proof P=quality-4)."""

from analytics_platform.alerts.routes import routes


def test_each_owner_gets_what_is_theirs_by_severity_and_the_rest_goes_to_the_default():
    made = routes(
        ["team:a", "team:b", "team:a", "ann@x.org"],
        {"team:a/error": {"webhook_configs": [{"url": "http://pager"}]}, "team:a": {}, "ann@x.org": {}},
    )
    below = {r["matchers"][0]: r for r in made["route"]["routes"]}
    assert below['owner="team:a"']["routes"] == [{"receiver": "team:a/error", "matchers": ['severity="error"']}]
    assert below['owner="ann@x.org"']["receiver"] == "ann@x.org" and 'owner="team:b"' not in below
    named = {r["name"] for r in made["receivers"]}
    assert {"default", "team:a", "team:a/error", "ann@x.org"} == named


def test_the_heartbeat_has_a_route_of_its_own():
    first = routes([], {"heartbeat": {}})["route"]["routes"][0]
    assert first["receiver"] == "heartbeat" and first["repeat_interval"] == "1m"
