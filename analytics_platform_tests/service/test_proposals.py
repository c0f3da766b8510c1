"""Votes over HTTP: the acts of `ap schema`, by whoever has a token, and nothing for anybody else."""

import json
import logging
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from analytics_platform.governance.store import LedgerFacts
from analytics_platform_tests.service.served import git, repository, serving
from analytics_platform_tests.service.test_api import A, B
from analytics_platform_tests.service.test_governance import POLICY, vote
from analytics_platform_tests.service.tokens import bearing, issued, revoke

PROPOSAL, VOTES = "/proposals/s/2", "/proposals/s/2/votes"
WITH_DORA = POLICY.replace("groups:", "  dora: {email: dora@x}\ngroups:")


@pytest.fixture
def served(ledger_dsn, tmp_path):
    with serving(ledger_dsn, repository(tmp_path)) as found:
        assert found.register("s", A).status == 200
        (found.folder / "governance.yaml").write_text(WITH_DORA)
        author = bearing(issued(found.registry, "ana"))
        assert found.ask("POST", "/subjects/s/versions", {"schema": json.dumps(B)}, author).status == 422
        yield found


@pytest.fixture
def reviewed(served):
    vote(served, 2)
    return served


def say(served, name, said="approve", change=None, **more):
    body = {"vote": said, "change": change or served.ask("GET", PROPOSAL).body["change"], **more}
    return served.ask("POST", VOTES, body, bearing(issued(served.registry, name)))


def steps(served):
    facts = served.registry.change(lambda registrar: LedgerFacts(registrar.connection).of("s"))
    return [(str(fact.step), fact.who, fact.seat) for fact in facts]


def test_what_waits_for_votes_is_listed_and_shown_with_its_evidence(reviewed):
    (row,) = reviewed.ask("GET", "/proposals").body
    shown = reviewed.ask("GET", PROPOSAL).body
    assert (row["subject"], row["version"], row["stage"]) == ("s", 2, "in review")
    assert (row["missing"], row["authors"]) == (["2 of board"], ["ana"])
    assert shown == {**row, "evidence": {"changes": [], "breaks": []}}
    assert reviewed.ask("GET", "/proposals?subjectPrefix=t").body == []


def test_a_proposal_that_cannot_be_read_says_so_and_hides_no_other(reviewed):
    (reviewed.folder / "t").mkdir()
    (reviewed.folder / "t" / "subject.yaml").write_text("{")
    (reviewed.folder / "t" / "proposals" / "value-1").mkdir(parents=True)
    found = reviewed.ask("GET", "/proposals").body
    assert [(row["subject"], "problem" in row) for row in found] == [("s", False), ("t-value", True)]


def test_with_its_votes_over_http_the_same_registration_is_published(reviewed):
    first, second = say(reviewed, "ben"), say(reviewed, "cem")

    assert (first.body["stage"], first.body["missing"]) == ("in review", ["1 of board"])
    assert second.body["stage"] == "approved"
    assert [(each["by"], each["seat"]) for each in second.body["votes"]] == [("ben", "ben"), ("cem", "cem")]
    assert reviewed.register("s", B).body["version"] == 2
    taken = [("approved", "ben", "ben"), ("approved", "cem", "cem"), ("permitted", "the policy", "")]
    assert steps(reviewed)[-3:] == taken
    log = git(reviewed.folder, "log", "-3", "--format=%an %s").splitlines()
    assert log[1:] == ["cem schemas: s version 2 is approved by cem", "ben schemas: s version 2 is approved by ben"]
    assert reviewed.ask("GET", "/proposals").body == []
    assert say(reviewed, "ben", change="0" * 64).status == 404


def test_a_no_takes_the_own_approval_back_and_is_shown_to_all(reviewed):
    say(reviewed, "ben")
    no = say(reviewed, "ben", "reject", why="the unit is missing")
    assert (no.status, no.body["votes"], no.body["missing"]) == (200, [], ["2 of board"])
    assert [(each["by"], each["why"]) for each in no.body["against"]] == [("ben", "the unit is missing")]
    again = say(reviewed, "ben")
    assert (again.body["against"], again.body["missing"]) == ([], ["1 of board"])


def test_a_vote_that_is_taken_back_is_gone_also_when_its_file_is_put_back(reviewed):
    say(reviewed, "ben")
    file = reviewed.folder / "s" / "proposals" / "schema-2" / "votes" / "ben.yaml"
    before = file.read_text()
    headers = bearing(issued(reviewed.registry, "ben"))

    assert reviewed.ask("DELETE", VOTES, None, headers).body["votes"] == []
    file.write_text(before)

    assert reviewed.ask("GET", PROPOSAL).body["missing"] == ["2 of board"]
    assert reviewed.ask("DELETE", VOTES, None, headers).status == 422
    assert [step for step, _, _ in steps(reviewed)][-2:] == ["approved", "withdrawn"]


@pytest.mark.parametrize(
    ("name", "more", "status", "says"),
    [
        ("ana", {}, 403, "ana wrote it"),
        ("dora", {}, 403, "dora is not asked for it"),
        ("dora", {"said": "reject", "why": "no"}, 403, "dora is not asked for it"),
        ("eve", {}, 403, "eve is not in governance.yaml"),
        ("ben", {"seat": "cem"}, 403, "the seat of cem is not lent to ben"),
        ("ben", {"change": "0" * 64}, 409, "look at it again first"),
        ("ben", {"said": "reject"}, 422, "nothing is rejected without a reason"),
        ("ben", {"said": "perhaps"}, 400, "`vote` must be approve or reject"),
        ("ben", {"seat": 7}, 400, "`seat` must be a person's name"),
        ("ben", {"why": "x" * 2001}, 400, "at most 2000 letters"),
    ],
)
def test_who_may_not_or_means_something_else_is_refused_and_nothing_is_written(reviewed, name, more, status, says):
    before = steps(reviewed)
    found = say(reviewed, name, **more)
    assert found.status == status and says in found.body["message"]
    assert steps(reviewed) == before
    assert not (reviewed.folder / "s" / "proposals" / "schema-2" / "votes").exists()


def headers_of(served, kind):
    """Those of somebody who is not known."""
    good = issued(served.registry, "ben", timedelta(seconds=-1) if kind == "expired" else timedelta(days=1))
    if kind == "revoked":
        revoke(served.registry, good)
    scheme = {"missing": {}, "empty": {"Authorization": "Bearer "}, "another kind": {"Authorization": f"Digest {good}"}}
    wrong = {"wrong": bearing(good[:-1] + ("A" if good[-1] != "A" else "B")), "guessed": bearing("guessed")}
    return {**scheme, **wrong}.get(kind, bearing(good))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "to vote on a schema takes a token"),
        ("empty", "to vote on a schema takes a token"),
        ("another kind", "to vote on a schema takes a token"),
        ("guessed", "is no token"),
        ("wrong", "the token is nobody's"),
        ("expired", "has expired at"),
        ("revoked", "was revoked at"),
    ],
)
def test_without_a_good_token_nobody_votes_or_takes_back(reviewed, kind, says):
    body, headers = json.dumps({"vote": "approve", "change": "0" * 64}), headers_of(reviewed, kind)
    before = steps(reviewed)
    for method in ("POST", "DELETE"):
        connection = HTTPConnection("127.0.0.1", reviewed.port, timeout=30)
        connection.request(method, VOTES, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, response.getheader("www-authenticate")) == (401, "Bearer")
        assert says in answer["message"] and "; " in answer["message"]
        connection.close()
    assert steps(reviewed) == before


def test_nobody_votes_on_what_was_not_reviewed_or_is_not_there(served):
    early = say(served, "ben")
    assert early.status == 422 and "is draft, and cannot be approved" in early.body["message"]
    for path, status in (("/proposals/s/9", 404), ("/proposals/t/1", 404), ("/proposals/s/latest", 422)):
        assert served.ask("GET", path).status == status
        assert served.ask("DELETE", f"{path}/votes", None, bearing(issued(served.registry, "ben"))).status == status


def test_a_token_is_in_no_log_answer_fact_table_or_commit(reviewed, caplog):
    caplog.set_level(logging.DEBUG)
    good = issued(reviewed.registry, "ben")
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    change = reviewed.ask("GET", PROPOSAL).body["change"]
    answers = [
        reviewed.ask("POST", VOTES, {"vote": said, "change": change, "why": "w"}, bearing(token))
        for token in (good, wrong)
        for said in ("approve", "reject", "nonsense")
    ]
    revoke(reviewed.registry, good)
    answers.append(reviewed.ask("DELETE", VOTES, None, bearing(good)))

    def rows(registrar):
        tables = ("governance_fact", "access_fact", "access_token", "access_token_revoked", "outbox")
        return [registrar.connection.execute(f"select t::text from {table} t").fetchall() for table in tables]

    kept = [str(reviewed.registry.change(rows)), git(reviewed.folder, "log", "-p"), caplog.text]
    said = [*kept, *(json.dumps(answer.body) for answer in answers)]
    assert [answer.status for answer in answers] == [200, 200, 400, 401, 401, 401, 401]
    for secret in (good, wrong, good.split("_", 2)[2]):  # which may hold an underscore itself
        assert not any(secret in text for text in said)
