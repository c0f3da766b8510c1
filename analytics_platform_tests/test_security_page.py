"""SECURITY.md promises nothing that no test holds, and the proxy's configuration promises what it says."""

import re
import tomllib

import pytest

from analytics_platform.settings import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| threat", "|---"))]
TESTS = ROOT / "analytics_platform_tests"
PROXIES = sorted((ROOT / "infra" / "oauth2-proxy").glob("*.cfg"))


def defined_tests() -> set[str]:
    """Every test that this project has, by its name."""
    return {
        name for path in TESTS.rglob("test_*.py") for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)
    }


def test_each_threat_names_a_test_that_exists():
    known = defined_tests()
    for row in ROWS:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= known, set(named) - known
    assert len(ROWS) >= 25


def test_every_hop_has_its_threats():
    hops = re.findall(r"^### (.+)$", PAGE, re.M)
    assert {"The service (schemas, votes, metrics)", "People at `ap`", "Readers of tables", "The Dagster UI"} <= set(
        hops
    )


@pytest.mark.parametrize("path", PROXIES, ids=lambda path: path.stem)
def test_the_proxy_configuration_keeps_what_it_promises(path):
    found = tomllib.loads(path.read_text())  # oauth2-proxy reads TOML
    assert found["tls_min_version"] == "TLS1.3" and found["cookie_secure"] and found["cookie_httponly"]
    assert "*" not in found["email_domains"] and found["pass_user_headers"] and not found["reverse_proxy"]
    assert all(upstream.startswith("http://127.0.0.1:") for upstream in found["upstreams"])
    assert not [name for name in found if "secret" in name]  # secrets come from the environment
    assert "not tested on oauth2-proxy" in path.read_text().lower()


def test_there_is_a_proxy_for_those_who_work_and_one_for_those_who_look():
    assert [path.stem for path in PROXIES] == ["oauth2-proxy", "read-only"]
