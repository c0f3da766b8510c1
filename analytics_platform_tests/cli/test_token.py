"""`ap token`, and votes of whoever has one: said once, kept as a hash, read from a file."""

import json
import stat

import pytest
from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.errors import DeclarationError, NotEntitledError, SettingError, TokenError, UnknownPersonError
from analytics_platform_tests.cli.test_commands import every_command
from analytics_platform_tests.service.served import git, repository
from analytics_platform_tests.service.test_api import A, B

POLICY = """\
people:
  ana: {email: ana@x, known_by: token}
  ben: {}
rules:
  - {subjects: "*", changes: [documentation, breaking, lake-breaking], approve: refused}
  - {subjects: "*", changes: [compatible, personal-data], approve: [ben]}
"""


@pytest.fixture
def project(ledger_dsn, tmp_path, monkeypatch):
    """A registry with version 1 of `s`, the policy above, and version 2 as ana's draft, which was reviewed."""
    folder = repository(tmp_path)
    settings = {"LEDGER_DSN": ledger_dsn, "SCHEMA_DIR": str(folder), "STATE_DIR": str(tmp_path / "state")}
    for name, value in settings.items():
        monkeypatch.setenv(f"AP_{name}", value)
    for name, text in (("a.avsc", A), ("b.avsc", B)):
        (tmp_path / name).write_text(json.dumps(text))
    ap("schema", "register", "s", tmp_path / "a.avsc")
    (folder / "governance.yaml").write_text(POLICY)
    monkeypatch.setenv("AP_TOKEN", ap("token", "issue", "ana").strip())
    ap("schema", "propose", "s", tmp_path / "b.avsc")
    monkeypatch.delenv("AP_TOKEN")
    ap("schema", "review", "s", 2)
    return folder


def ap(*words):
    """What it says; raises what it raises."""
    return CliRunner().invoke(commands, [str(word) for word in words], catch_exceptions=False).output


def test_a_token_is_said_once_or_written_for_its_owner_only(project, tmp_path):
    said, place = ap("token", "issue", "ben").strip(), tmp_path / "token"
    ap("token", "issue", "ana", "--into", place, "--days", 3)

    assert said.startswith("ap_") and place.read_text().startswith("ap_")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    listed = ap("token", "list", "--json")
    assert {row["holder"] for row in json.loads(listed)} == {"ana", "ben"}
    assert said not in listed and place.read_text().strip() not in listed
    with pytest.raises(DeclarationError, match="name a new file"):
        ap("token", "issue", "ana", "--into", place)


def test_nobody_has_a_token_whom_the_policy_does_not_name(project):
    with pytest.raises(UnknownPersonError, match="eve is not in governance"):
        ap("token", "issue", "eve")


def test_votes_are_given_and_taken_back_by_the_token_in_a_file(project, tmp_path, monkeypatch):
    ap("token", "issue", "ben", "--into", tmp_path / "token")
    monkeypatch.setenv("AP_TOKEN_FILE", str(tmp_path / "token"))

    change = json.loads(ap("schema", "approve", "s", 2, "--json"))["change"]
    assert "is in review" in ap("schema", "reject", "s", 2, "--why", "no unit", "--change", change)
    assert "approved" in ap("schema", "approve", "s", 2)
    assert "missing: 1 of ben" in ap("schema", "withdraw", "s", 2)

    steps = [row["step"] for row in json.loads(ap("schema", "history", "s", "--json"))]
    assert steps == ["proposed", "reviewed", "approved", "rejected", "approved", "withdrawn"]
    assert git(project, "log", "-1", "--format=%s") == "schemas: s version 2 is voted on no longer by ben\n"


def test_a_revoked_token_votes_no_more(project, monkeypatch):
    made = json.loads(ap("token", "issue", "ben", "--json"))
    monkeypatch.setenv("AP_TOKEN", made["token"])
    ap("schema", "approve", "s", 2)
    ap("token", "revoke", made["id"])

    with pytest.raises(TokenError, match="was revoked") as error:
        ap("schema", "withdraw", "s", 2)
    assert made["token"] not in str(error.value)
    monkeypatch.delenv("AP_TOKEN")
    with pytest.raises(DeclarationError, match="was revoked before"):
        ap("token", "revoke", made["id"])
    assert [row["holder"] for row in json.loads(ap("token", "list", "--json"))] == ["ana"]
    (row,) = (row for row in json.loads(ap("token", "list", "--all", "--json")) if row["id"] == made["id"])
    assert row["state"] == "revoked" and "token" not in row and "sha256" not in row


def test_an_author_is_refused_by_name(project, monkeypatch):
    monkeypatch.setenv("AP_TOKEN", ap("token", "issue", "ana").strip())
    with pytest.raises(NotEntitledError, match="ana wrote it"):
        ap("schema", "approve", "s", 2)


def test_a_token_file_that_others_can_read_is_refused(project, tmp_path, monkeypatch):
    place = tmp_path / "token"
    ap("token", "issue", "ben", "--into", place)
    place.chmod(0o640)
    monkeypatch.setenv("AP_TOKEN_FILE", str(place))
    with pytest.raises(SettingError, match="is open to others"):
        ap("schema", "approve", "s", 2)
    monkeypatch.setenv("AP_TOKEN_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingError, match="cannot be read"):
        ap("schema", "approve", "s", 2)


def test_no_command_takes_a_token_among_its_words():
    taken = [(name, p.opts) for name, command in every_command() for p in command.params if "token" in str(p.opts)]
    assert taken == []
