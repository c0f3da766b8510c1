"""`ap privacy` and `ap reveal`: a person is named once, on the command line, and in no answer, fact or error."""

import json

import pytest
from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.errors import DeclarationError, NotEntitledError
from analytics_platform.security.roles import Action
from analytics_platform_tests.personal_shop import CATALOG, CUSTOMERS, personal_shop
from analytics_platform_tests.pipeline.personal import CANARY

ANA, BEN, _ = CUSTOMERS
WHO = f"person:{ANA}"
ACTIONS = {Action.ERASE, Action.READ_CLEAR, Action.GIVE_ACCESS}


@pytest.fixture
def shop(ledger_dsn, tmp_path, monkeypatch):
    """The command line over a shop of its own."""
    with personal_shop(ledger_dsn, tmp_path) as settings:
        given = {
            "LEDGER_DSN": ledger_dsn,
            "TABLE_DIR": settings.table_dir,
            "SCHEMA_DIR": settings.schema_dir,
            "KEY_DIR": settings.key_dir,
            "STATE_DIR": tmp_path / "state",
        }
        for name, value in given.items():
            monkeypatch.setenv(f"AP_{name}", str(value))
        for module in ("privacy_export", "privacy_audit", "privacy_retention", "reveal"):
            monkeypatch.setattr(f"analytics_platform.cli.{module}.catalog", lambda: CATALOG)
        yield settings


def ap(*words, code=0):
    """What it says; raises what it raises."""
    done = CliRunner().invoke(commands, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def exported(who=WHO):
    return json.loads(ap("privacy", "export", who, "--purpose", "request 1", "--json"))


def facts():
    """What was kept of these commands, the newest first."""
    return [row for row in json.loads(ap("access", "log", "--json")) if row["action"] in ACTIONS]


def test_an_export_has_all_rows_of_a_person_in_the_clear_and_says_where_else_they_are(shop):
    found = exported()
    assert set(found["tables"]) == {"orders"} and found["key"] == "kept"
    rows = found["tables"]["orders"]
    assert {(row["customer"], row["name"]) for row in rows} == {(ANA, f"Ana {CANARY} {ANA}")} and len(rows) == 2
    assert found["records"]["orders.bronze"]["rows"] == 2
    assert str(ANA) not in found["person"]


def test_a_person_is_found_by_what_is_a_token_too(shop):
    rows = exported(f"email:{CANARY}{BEN}@example.org")["tables"]["orders"]
    assert {row["customer"] for row in rows} == {BEN}


def test_of_who_is_erased_the_rows_are_exported_without_what_was_encrypted(shop):
    ap("privacy", "erase", WHO, "--reason", "request 2", "--by", "ben")
    found = exported()
    assert found["key"] == "erased" and {row["name"] for row in found["tables"]["orders"]} == {None}
    assert exported(f"person:{BEN}")["tables"]["orders"][0]["name"] == f"Ana {CANARY} {BEN}"


def test_nobody_is_held_who_was_never_here(shop):
    found = exported("person:4711")
    assert (found["key"], found["tables"], found["records"]) == ("none", {}, {})
    assert "nothing is held" in ap("privacy", "export", "person:4711", "--purpose", "request 1")


def test_reveal_answers_in_the_clear(shop):
    query = f"select name from orders where customer = {ANA} limit 1"
    assert f"Ana {CANARY} {ANA}" in ap("reveal", query, "--purpose", "ticket 3")
    assert json.loads(ap("reveal", query, "--purpose", "ticket 3", "--json")) == [{"name": f"Ana {CANARY} {ANA}"}]


def test_each_of_them_is_a_fact_that_names_no_value(shop):
    ap("privacy", "erase", WHO, "--reason", "request 2")
    exported()
    ap("reveal", f"select name from orders where customer = {BEN}", "--purpose", "ticket 3")
    ap("privacy", "rotate")
    kept = facts()
    assert [row["via"].split()[-1] for row in kept] == ["rotate", "reveal", "export", "erase"]
    assert not any(secret in json.dumps(kept) for secret in (str(ANA), str(BEN), CANARY))


def test_a_viewer_may_none_of_it_but_audit(shop, monkeypatch):
    tokens = {role: ap("token", "issue", "ana", "--role", role).strip() for role in ("viewer", "admin")}
    monkeypatch.setenv("AP_TOKEN", tokens["viewer"])
    for words in (
        ("privacy", "erase", WHO, "--reason", "x"),
        ("privacy", "export", WHO, "--purpose", "x"),
        ("privacy", "rotate"),
        ("reveal", "select name from orders", "--purpose", "x"),
    ):
        with pytest.raises(NotEntitledError) as refused:
            ap(*words)
        assert str(ANA) not in str(refused.value)
    assert "nothing that is protected is in the clear, of orders" in ap("privacy", "audit")


def test_who_is_nobody_is_refused_without_being_repeated(shop):
    with pytest.raises(DeclarationError) as refused:
        ap("privacy", "erase", f"{CANARY}@example.org", "--reason", "x")
    assert CANARY not in str(refused.value) and "person:1007" in str(refused.value)


def test_what_is_in_the_clear_fails_the_audit(shop):
    policy = shop.schema_dir / "privacy.yaml"
    policy.write_text("tags: {person: keep, name: encrypt, email: drop}\n")  # they were tokenised
    found = json.loads(ap("privacy", "audit", "--json", code=1))
    assert [(row["table"], row["rows"]) for row in found] == [("orders", 6)]


def test_how_long_rows_are_kept_is_told_by_stream_and_model(shop):
    names = {row["name"]: row["hours"] for row in json.loads(ap("privacy", "retention", "--json"))}
    assert names and set(names.values()) == {None} and "for ever" in ap("privacy", "retention")
    (shop.schema_dir / "retention.yaml").write_text("days_by_tag: {name: 7}")
    assert {row["hours"] for row in json.loads(ap("privacy", "retention", "--json"))} == {7 * 24}
    assert "168 h" in ap("privacy", "retention")
    (shop.schema_dir / "retention.yaml").write_text("days_by_tag: {shoe_size: 7}")
    with pytest.raises(DeclarationError, match="shoe_size"):
        ap("privacy", "retention")
    with pytest.raises(DeclarationError, match="shoe_size"):
        ap("schema", "lint")
