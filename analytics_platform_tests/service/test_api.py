"""The registry's HTTP interface, request by request: what Confluent documents, and clean errors for anything else."""

import json

import pytest

from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.service.served import JSON, git, repository, serving

A = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
B = {
    "type": "record",
    "name": "R",
    "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "int", "default": 0}],
}
BROKEN = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}
USES_A = {"type": "record", "name": "U", "fields": [{"name": "r", "type": "R"}]}
REFERENCE = [{"name": "R", "subject": "s", "version": 1}]


@pytest.fixture
def served(ledger_dsn, tmp_path):
    with serving(ledger_dsn, repository(tmp_path)) as found:
        yield found


@pytest.fixture(scope="module")
def refusing(postgres, tmp_path_factory):
    """A registry with one schema, which no request below changes."""
    with (
        fresh_ledger(postgres) as dsn,
        serving(dsn, repository(tmp_path_factory.mktemp("refusing"))) as found,
    ):
        found.register("s", A)
        yield found


def codes(answer):
    return answer.status, answer.body["error_code"]


def test_versions_are_counted_by_subject_and_ids_by_schema(served):
    served.ask("PUT", "/config", {"compatibility": "NONE"})
    assert served.register("s", A).body["id"] == 1
    assert served.register("s", B).body["id"] == 2
    assert served.register("t", B).body["id"] == 2
    assert served.ask("GET", "/subjects").body == ["s", "t"]
    assert served.ask("GET", "/subjects/s/versions").body == [1, 2]
    assert served.ask("GET", "/schemas/ids/2/versions").body == [
        {"subject": "s", "version": 2},
        {"subject": "t", "version": 1},
    ]
    latest = served.ask("GET", "/subjects/s/versions/latest").body
    assert (latest["version"], latest["id"], json.loads(latest["schema"])) == (2, 2, B)
    assert served.ask("GET", "/subjects/s/versions/1/schema").body == A


def test_a_guid_leads_to_its_schema(served):
    guid = served.register("s", A).body["guid"]
    assert json.loads(served.ask("GET", f"/schemas/guids/{guid}").body["schema"]) == A
    assert served.ask("GET", f"/schemas/guids/{guid}/ids").body == [{"context": ".", "id": 1}]
    assert codes(served.ask("GET", "/schemas/guids/x")) == (404, 40403)


def test_a_subject_may_hold_a_slash(served):
    assert served.register("a%2Fb%20c", A).body["id"] == 1
    assert served.ask("GET", "/subjects").body == ["a/b c"]
    assert served.ask("GET", "/subjects/a%2Fb%20c/versions").body == [1]
    assert git(served.folder, "ls-files", ".").splitlines()[:1] == ["a%2Fb%20c/schema/1.avsc"]


def test_an_incompatible_version_is_refused_with_its_reasons(served):
    served.register("s", A)
    refused = served.register("s", BROKEN)
    assert codes(refused) == (409, 40901)
    assert "not BACKWARD-compatible" in refused.body["message"] and "version 1" in refused.body["message"]
    assert served.ask("GET", "/subjects/s/versions").body == [1]
    verdict = served.ask(
        "POST", "/compatibility/subjects/s/versions/latest?verbose=true", {"schema": json.dumps(BROKEN)}
    )
    assert verdict.body["is_compatible"] is False and verdict.body["messages"]
    assert served.ask("POST", "/compatibility/subjects/s/versions", {"schema": json.dumps(A)}).body == {
        "is_compatible": True
    }


def test_levels_and_modes_are_set_by_subject_and_for_all(served):
    assert served.ask("GET", "/config").body == {"compatibilityLevel": "BACKWARD"}
    assert codes(served.ask("GET", "/config/s")) == (404, 40408)
    assert served.ask("GET", "/config/s?defaultToGlobal=true").body == {"compatibilityLevel": "BACKWARD"}
    assert served.ask("PUT", "/config/s", {"compatibility": "NONE"}).body == {"compatibility": "NONE"}
    served.register("s", A)
    assert served.register("s", BROKEN).status == 200
    assert served.ask("DELETE", "/config/s").body == {"compatibilityLevel": "NONE"}
    assert served.ask("PUT", "/mode", {"mode": "READONLY"}).body == {"mode": "READONLY"}
    assert codes(served.register("t", A)) == (422, 42205)
    assert served.ask("PUT", "/mode/t", {"mode": "READWRITE"}).status == 200
    assert served.register("t", A).status == 200
    assert served.ask("DELETE", "/mode").body == {"mode": "READONLY"}
    assert "mode: READWRITE" in git(served.folder, "show", "HEAD:./t/subject.yaml")


def test_what_is_deleted_is_hidden_first_and_gone_then_and_its_id_stays(served):
    served.register("s", A)
    assert codes(served.ask("DELETE", "/subjects/s/versions/1?permanent=true")) == (404, 40407)
    assert served.ask("DELETE", "/subjects/s/versions/1").body == 1
    assert codes(served.ask("GET", "/subjects/s/versions/1")) == (404, 40401)
    assert served.ask("GET", "/subjects/s/versions/1?deleted=true").body["id"] == 1
    assert codes(served.ask("DELETE", "/subjects/s/versions/1")) == (404, 40406)
    assert codes(served.ask("DELETE", "/subjects/s")) == (404, 40404)
    assert served.ask("DELETE", "/subjects/s?permanent=true").body == [1]
    assert codes(served.ask("GET", "/subjects/s/versions?deleted=true")) == (404, 40401)
    assert json.loads(served.ask("GET", "/schemas/ids/1").body["schema"]) == A
    assert served.register("s", A).body == {**served.register("s", A).body, "id": 1, "version": 2}


def test_a_schema_is_kept_while_another_refers_to_it(served):
    served.register("s", A)
    assert codes(served.register("u", USES_A)) == (422, 42201)
    assert served.register("u", USES_A, references=REFERENCE).body["id"] == 2
    assert served.ask("GET", "/subjects/s/versions/1/referencedby").body == [2]
    assert codes(served.ask("DELETE", "/subjects/s")) == (422, 42206)
    assert served.ask("GET", "/schemas/ids/2").body["references"] == REFERENCE
    resolved = json.loads(served.ask("GET", "/schemas/ids/2?format=resolved").body["schema"])
    assert resolved["fields"][0]["type"] == A
    looked_up = served.ask("POST", "/subjects/u", {"schema": json.dumps(USES_A), "references": REFERENCE})
    assert looked_up.body["version"] == 1


def test_a_version_of_the_same_normal_form_is_the_same_where_that_is_asked_for(served):
    spaced = {**A, "namespace": "shop"}
    assert served.register("n", spaced).body["version"] == 1
    again = served.ask("POST", "/subjects/n/versions?normalize=true", {"schema": json.dumps(spaced)})
    assert (again.body["id"], again.body["version"]) == (1, 1)


def test_normal_forms_are_equal_where_texts_are_not(served):
    wordy = {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "long"}}]}
    served.register("s", A)
    assert codes(served.ask("POST", "/subjects/s", {"schema": json.dumps(wordy)})) == (404, 40403)
    assert served.ask("POST", "/subjects/s?normalize=true", {"schema": json.dumps(wordy)}).body["version"] == 1


@pytest.mark.parametrize(
    ("method", "path", "content", "expected"),
    [
        ("GET", "/schemas/ids/99", None, (404, 40403)),
        ("GET", "/schemas/ids/x", None, (404, 404)),
        ("GET", "/schemas/ids/99999999999999999999", None, (404, 404)),
        ("GET", "/subjects/none/versions", None, (404, 40401)),
        ("GET", "/subjects/s/versions/7", None, (404, 40402)),
        ("GET", "/subjects/s/versions/0", None, (422, 42202)),
        ("GET", "/subjects/s/versions/x", None, (422, 42202)),
        ("GET", "/subjects/%FF/versions", None, (422, 42208)),
        ("GET", "/subjects/a%00b/versions", None, (422, 42208)),
        ("GET", "/subjects/%3A.other%3As/versions", None, (422, 42208)),
        ("GET", "/subjects?limit=x", None, (400, 400)),
        ("GET", "/nowhere", None, (404, 404)),
        ("PUT", "/subjects", {}, (405, 405)),
        ("POST", "/subjects/s/versions", b"{", (400, 400)),
        ("POST", "/subjects/s/versions", b"\xff", (400, 400)),
        ("POST", "/subjects/s/versions", b"[" * 100_000, (400, 400)),
        ("POST", "/subjects/s/versions", [], (400, 400)),
        ("POST", "/subjects/s/versions", {}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": 7}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": "{"}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '{"type": "nope"}'}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": "[" * 50_000}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": "NaN"}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '{"type": "int", "doc": "\\ud800"}'}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "schemaType": "PROTOBUF"}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "schemaType": 7}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "references": [{"name": "x"}]}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "ruleSet": {"domainRules": []}}, (422, 42210)),
        ("POST", "/subjects/s/versions", {"schema": '"' + "x" * 1_100_000 + '"'}, (413, 413)),
        ("PUT", "/config", {"compatibility": "SOME"}, (422, 42203)),
        ("PUT", "/config", {"compatibility": "FULL", "alias": "x"}, (422, 42203)),
        ("PUT", "/mode", {"mode": "IMPORT"}, (422, 42204)),
        ("PUT", "/mode", {"mode": None}, (422, 42204)),
        ("GET", "/mode/s", None, (404, 40409)),
        ("DELETE", "/mode/s", None, (404, 40409)),
        ("DELETE", "/config/s", None, (404, 40408)),
        ("DELETE", "/subjects/none", None, (404, 40401)),
    ],
)
def test_what_cannot_be_answered_gets_its_code_and_changes_nothing(refusing, method, path, content, expected):
    before = git(refusing.folder, "rev-parse", "HEAD")
    assert codes(refusing.ask(method, path, content)) == expected
    assert git(refusing.folder, "rev-parse", "HEAD") == before


def test_content_types_are_those_of_the_interface(served):
    assert served.ask("GET", "/subjects").type == JSON
    assert served.ask("GET", "/subjects", headers={"Accept": "application/json"}).type == "application/json"
    assert codes(served.ask("GET", "/subjects", headers={"Accept": "text/html"})) == (406, 406)
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    assert codes(served.ask("POST", "/subjects/s/versions", {"schema": '"int"'}, plain)) == (415, 415)


def test_lists_come_in_pages(served):
    for name in "abc":
        served.register(name, A)
    assert served.ask("GET", "/subjects?offset=1&limit=1").body == ["b"]
    assert served.ask("GET", "/subjects?subjectPrefix=:*:c").body == ["c"]
    assert [each["subject"] for each in served.ask("GET", "/schemas?offset=2").body] == ["c"]


def test_where_git_must_not_be_written_a_registration_becomes_a_patch_that_git_takes(ledger_dsn, tmp_path):
    schemas = repository(tmp_path)
    with serving(ledger_dsn, schemas, commits=False) as served:
        refused = served.register("s", A)
        assert codes(refused) == (422, 42205) and codes(served.register("s", A)) == (422, 42205)
        assert served.ask("GET", "/subjects").body == []
        patch = refused.body["message"].partition("`git apply` ")[2].partition(",")[0]
        git(tmp_path, "apply", patch)
    with serving(ledger_dsn, schemas, commits=False) as served:
        assert served.ask("GET", "/subjects/s/versions/1").body["id"] == 1
        assert served.register("s", A).body["id"] == 1
