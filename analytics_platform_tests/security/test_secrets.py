"""A secret that is planted is found by its kind and place, and never said again; what only looks like one is let be."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.cli import commands
from analytics_platform.security.secrets import KINDS, MARK, findings, holders
from analytics_platform.security.token import RANDOM_BYTES, token_text

# put together here, so that the scan of this very file finds nothing
PLANTED = {
    "a token of this platform": token_text(bytes(range(RANDOM_BYTES))),
    "a private key": "-----BEGIN " + "EC PRIVATE KEY-----",
    "an access key of AWS": "AKIA" + "Z7QW3RT9PLMN4XYB",
    "a token of GitHub": "ghp_" + "a1B2" * 10,
    "a token of Slack": "xoxb-" + "123456789012-abcdefghijkl",
    "a signed web token": ".".join(
        ["eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmN" * 2]
    ),
    "a password in a URL": "postgresql://app:" + "k7Gt2mQ9xZ" + "@db.example/platform",
    "a secret that is assigned": "db_password = " + '"k7Gt2mQ9xZr4Ws8v"',
}


def kinds(line):
    return [finding.kind for finding in findings("f", [line])]


def test_there_is_an_example_of_every_kind():
    assert set(PLANTED) == set(KINDS)


@pytest.mark.parametrize("kind", list(PLANTED))
def test_each_kind_is_found_wherever_it_stands_and_said_by_nobody(kind):
    for line in (PLANTED[kind], f"x {PLANTED[kind]}", f"{PLANTED[kind]} and more"):
        assert kind in kinds(line), line
        assert all(PLANTED[kind] not in str(finding) for finding in findings("f", [line]))
    assert kinds(f"{PLANTED[kind]}  # {MARK}") == []


@pytest.mark.parametrize(
    "line",
    [
        "postgresql://user:password@host:port/database",
        "postgresql://user:***@host/db",
        "http://owner:{self.token()}@127.0.0.1:{port}",
        'password: "changeme"',
        "token: str = field(repr=False)",
        'secret = os.environ["OAUTH2_PROXY_CLIENT_SECRET"]',
        "AP_TOKEN_FILE=~/.ap-token",
        "sha256:" + "0" * 64,
    ],
)
def test_what_only_stands_for_a_secret_is_none(line):
    assert kinds(line) == []


@given(st.lists(st.text(max_size=80), max_size=20), st.integers(0, 20), st.sampled_from(list(PLANTED)))
def test_the_line_is_named(lines, place, kind):
    text = [line for line in lines if not kinds(line)]
    text.insert(min(place, len(text)), PLANTED[kind])
    assert min(place, len(text) - 1) + 1 in {finding.line for finding in findings("f", text)}


def test_known_secrets_are_looked_for_as_they_are():
    said = [("a log", "it was hunter2, they said"), ("another", "nothing")]
    assert list(holders({"password": "hunter2", "empty": ""}, said)) == [("a log", "password")]


def scan(folder: Path):
    done = CliRunner().invoke(commands, ["access", "scan", str(folder), "--json"])
    return done.exit_code, [(found["place"], found["line"]) for found in json.loads(done.output)]


def test_the_scan_finds_what_git_has_and_what_it_would_take(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "kept.py").write_text("x = 1\n")
    assert scan(tmp_path) == (0, [])
    for name in ("kept.py", "new.yaml", "ignored", "requirements.lock"):
        (tmp_path / name).write_text("x = 1\n" + PLANTED["a password in a URL"] + "\n")
    assert scan(tmp_path) == (1, [("kept.py", 2), ("new.yaml", 2)])
