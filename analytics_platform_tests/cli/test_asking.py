"""Commands that change something ask who types them: refused by name, kept as a fact, done under one's own name."""

import getpass
import json

import pytest
from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.errors import DeclarationError, NotEntitledError, TokenError
from analytics_platform_tests.service.served import repository

PAUSE = ("stream", "pause", "bids", "--reason", "a bad deploy", "--until", "1h")


@pytest.fixture
def project(ledger_dsn, tmp_path, monkeypatch):
    """A ledger that nobody has asked anything of, and its folders."""
    folder = repository(tmp_path)
    settings = {"LEDGER_DSN": ledger_dsn, "SCHEMA_DIR": str(folder), "STATE_DIR": str(tmp_path / "state")}
    for name, value in settings.items():
        monkeypatch.setenv(f"AP_{name}", value)
    return folder


def ap(*words):
    """What it says; raises what it raises."""
    return CliRunner().invoke(commands, [str(word) for word in words], catch_exceptions=False).output


def facts():
    """Who asked for what, and whether they got it, oldest first."""
    rows = json.loads(ap("access", "log", "--json"))[::-1]
    return [(row["who"], row["action"], row["problem"] == "") for row in rows if row["action"] != "read who did what"]


def test_whoever_reaches_the_ledger_is_admin_until_somebody_was_made_one(project, monkeypatch):
    me = getpass.getuser()
    ap(*PAUSE)
    admin = ap("token", "issue", "ana", "--role", "admin").strip()
    with pytest.raises(NotEntitledError, match=rf"{me} .account on this machine. may not pause a stream: bids"):
        ap(*PAUSE)

    monkeypatch.setenv("AP_TOKEN", admin)
    ap(*PAUSE, "--by", "ben")
    assert facts() == [
        (me, "pause a stream", True),
        (me, "give or take access", True),
        (me, "pause a stream", False),
        ("ana", "pause a stream", True),
    ]


def test_a_role_may_what_the_table_says_and_no_more(project, monkeypatch):
    tokens = {role: ap("token", "issue", "ana", "--role", role).strip() for role in ("viewer", "engineer", "admin")}
    monkeypatch.setenv("AP_TOKEN", tokens["engineer"])
    ap(*PAUSE)
    with pytest.raises(NotEntitledError, match="it takes admin"):
        ap("token", "issue", "ben")
    monkeypatch.setenv("AP_TOKEN", tokens["viewer"])
    with pytest.raises(NotEntitledError, match="it takes admin or engineer or on-call"):
        ap(*PAUSE)


def test_a_token_that_is_not_good_is_refused_and_written_down(project, monkeypatch):
    made = json.loads(ap("token", "issue", "ana", "--role", "admin", "--json"))
    monkeypatch.setenv("AP_TOKEN", made["token"])
    other = ap("token", "issue", "ben", "--role", "admin").strip()
    ap("token", "revoke", made["id"])
    with pytest.raises(TokenError, match="was revoked"):
        ap(*PAUSE)
    monkeypatch.setenv("AP_TOKEN", other)
    assert facts()[-1] == ("nobody known", "pause a stream", False)


def test_a_role_that_the_policy_keeps_for_others_is_given_to_nobody_else(project):
    (project / "governance.yaml").write_text(
        "people: {ana: {}, ben: {}}\nroles: {admin: [ana], steward: [ben]}\nrules:\n"
        '  - {subjects: "*", changes: "*", approve: refused}\n'
    )
    with pytest.raises(DeclarationError, match="says that admin is ana"):
        ap("token", "issue", "ben", "--role", "admin")
    ap("token", "issue", "ben")
    assert json.loads(ap("token", "list", "--json"))[0]["roles"] == "steward"


def test_whoever_the_policy_drops_has_lost_the_role_their_token_carries(project, monkeypatch):
    policy = (
        'people: {ana: {}, ben: {}}\nroles: {admin: [%s]}\nrules: [{subjects: "*", changes: "*", approve: refused}]\n'
    )
    (project / "governance.yaml").write_text(policy % "ana")
    monkeypatch.setenv("AP_TOKEN", ap("token", "issue", "ana").strip())
    ap(*PAUSE)
    (project / "governance.yaml").write_text(policy % "ben")
    with pytest.raises(NotEntitledError, match="ana has no role"):
        ap(*PAUSE)
