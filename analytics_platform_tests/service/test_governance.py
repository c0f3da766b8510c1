"""Registering over HTTP under a policy: what waits for votes is refused by the name of the proposal that it opened."""

import base64
import json

import pytest

from analytics_platform.errors import NotEntitledError
from analytics_platform.pipeline.governance.acts import review
from analytics_platform.pipeline.governance.evidence import Evidence
from analytics_platform.pipeline.governance.opening import desk_of
from analytics_platform.pipeline.governance.proposals import open_case
from analytics_platform.pipeline.governance.voting import approve
from analytics_platform_tests.service.served import git, repository, serving
from analytics_platform_tests.service.test_api import BROKEN, A, B
from analytics_platform_tests.service.tokens import bearing, issued

NOTHING_FOUND = Evidence(changes=(), differences=(), breaks=())
POLICY = """\
people:
  ana: {email: ana@x, known_by: token}
  ben: {email: ben@x}
  cem: {email: cem@x}
groups:
  board: [ana, ben, cem]
rules:
  - {subjects: "*", changes: [documentation], approve: automatic}
  - {subjects: "*", changes: [lake-breaking], approve: refused}
  - {subjects: "*", changes: [compatible, breaking, personal-data], approve: [{role: board, quorum: 2}]}
"""


@pytest.fixture
def served(ledger_dsn, tmp_path):
    with serving(ledger_dsn, repository(tmp_path)) as found:
        assert found.register("s", A).status == 200
        (found.folder / "governance.yaml").write_text(POLICY)
        yield found


def vote(served, number, *names):
    """Review a proposal, then let those people approve it."""

    def act(registrar):
        def decided(snapshot):
            desk = desk_of(registrar)
            review(desk, open_case(registrar, desk, snapshot, "s", number), None, NOTHING_FOUND)
            for name in names:
                approve(desk, open_case(registrar, desk, snapshot, "s", number), desk.policy().people[name])

        return registrar.decide(decided)

    return served.registry.change(act)


def basic(token):
    return {"Authorization": "Basic " + base64.b64encode(f"x:{token}".encode()).decode()}


def test_what_waits_for_votes_opens_a_proposal_once_and_names_it(served):
    first, again = served.register("s", B), served.register("s", B)

    assert (first.status, first.body["error_code"]) == (422, 42205)
    assert first.body == again.body
    assert "s version 2 waits for approval by 2 of board" in first.body["message"]
    assert "schemas/s/proposals/schema-2" in first.body["message"]
    assert served.ask("GET", "/subjects/s/versions").body == [1]
    assert git(served.folder, "log", "--format=%s").splitlines()[0] == "schemas: s version 2 is proposed"
    assert git(served.folder, "status", "--porcelain", ".").splitlines() == ["?? schemas/governance.yaml"]


def test_with_its_votes_the_same_registration_is_published_as_the_version_that_was_voted_on(served):
    headers = bearing(issued(served.registry, "ana"))
    body = {"schema": json.dumps(B)}
    assert served.ask("POST", "/subjects/s/versions", body, headers).status == 422
    vote(served, 2, "ben", "cem")

    found = served.ask("POST", "/subjects/s/versions", body, headers)

    assert (found.status, found.body["version"]) == (200, 2)
    votes = git(served.folder, "log", "-2", "--skip=1", "--format=%an %s").splitlines()
    assert votes == ["cem schemas: s version 2 is approved by cem", "ben schemas: s version 2 is approved by ben"]


def test_an_author_known_by_their_token_cannot_vote_for_their_change(served):
    served.ask("POST", "/subjects/s/versions", {"schema": json.dumps(B)}, basic(issued(served.registry, "ana")))
    with pytest.raises(NotEntitledError, match="ana wrote it"):
        vote(served, 2, "ana")


def test_a_draft_that_is_edited_after_its_votes_loses_them(served):
    served.register("s", B)
    vote(served, 2, "ben", "cem")
    draft = served.folder / "s" / "schema" / "2.avsc"
    draft.write_text(draft.read_text().replace('"b"', '"c"'))

    edited = served.register("s", json.loads(draft.read_text()))

    assert edited.status == 422 and "2 of board" in edited.body["message"]


def test_what_the_board_has_approved_may_break_readers(served):
    assert served.register("s", BROKEN).status == 422
    vote(served, 2, "ben", "cem")
    assert served.register("s", BROKEN).body["version"] == 2


def test_a_token_that_is_nobodys_is_refused(served):
    found = served.ask("POST", "/subjects/s/versions", {"schema": json.dumps(B)}, {"Authorization": "Bearer x"})
    assert (found.status, found.body["error_code"]) == (401, 401)
    assert served.ask("GET", "/subjects/s/versions").body == [1]


def test_a_new_policy_is_in_force_with_the_next_request(served):
    served.register("s", B)
    (served.folder / "governance.yaml").unlink()
    assert served.register("s", B).body["version"] == 2


def test_a_policy_that_cannot_be_read_publishes_nothing_and_says_where(served):
    (served.folder / "governance.yaml").write_text("rules: []\n")
    found = served.register("s", B)
    assert found.status == 422 and "no rule for `*` covers breaking" in found.body["message"]
