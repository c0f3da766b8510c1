"""What comes by git with an id from elsewhere is in force, and held to the policy: told of where it lacks its votes."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from analytics_platform.facts import SchemaFormat
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.pipeline.governance.acts import open_proposal, review
from analytics_platform.pipeline.governance.adoption import look_at_adopted
from analytics_platform.pipeline.governance.desk import NOBODY
from analytics_platform.pipeline.governance.evidence import Evidence
from analytics_platform.pipeline.governance.opening import desk_of, judge_for
from analytics_platform.pipeline.governance.proposals import case_of, open_case
from analytics_platform.pipeline.governance.voting import approve
from analytics_platform.postgres import connect
from analytics_platform.registry.git import Repository
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.sync import adopt
from analytics_platform.registry.texts import Draft, propose
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.service.served import repository
from analytics_platform_tests.service.test_api import A, B

POLICY = """\
people: {ana: {email: ana@x}, ben: {email: ben@x}, cem: {email: cem@x}}
groups: {board: [ben, cem]}
rules:
  - {subjects: "old", changes: [compatible], approve: automatic}
  - {subjects: "*", changes: [compatible, personal-data], approve: [{role: board, quorum: 2}]}
  - {subjects: "*", changes: [documentation, breaking, lake-breaking], approve: refused}
"""
NOTHING_FOUND = Evidence(changes=(), differences=(), breaks=())


def draft(subject, schema):
    return Draft(subject=subject, format=SchemaFormat.AVRO, body=json.dumps(schema))


@pytest.fixture
def here(ledger, tmp_path):
    """A registry that has let something through already."""
    folder = repository(tmp_path)
    (folder / "governance.yaml").write_text(POLICY)
    found = Registrar(connection=ledger, folder=folder, repository=Repository.of(folder), patches=tmp_path)
    found.publish(draft("old", A), judge_for(found, NOBODY))
    return found


@contextmanager
def elsewhere(here, postgres) -> Generator[Registrar]:
    """The same project with a database of its own, as on somebody's machine."""
    with fresh_ledger(postgres) as dsn, connect(dsn, application="test") as connection:
        adopt(connection, here.folder)
        yield Registrar(
            connection=connection, folder=here.folder, repository=here.repository, patches=here.folder.parent
        )


def voted(registrar, subject, schema, *names):
    """Propose as ana, review, and let those people approve, by commits."""

    def act(snapshot):
        desk, proposed = desk_of(registrar), propose(draft(subject, schema), snapshot.text_of)
        people = desk.policy().people
        case = case_of(registrar, desk, snapshot, subject, proposed)
        open_proposal(desk, case, proposed, people["ana"], "")
        review(desk, open_case(registrar, desk, snapshot, subject, case.number), None, NOTHING_FOUND)
        for name in names:
            approve(desk, open_case(registrar, desk, snapshot, subject, case.number), people[name])

    registrar.decide(act)


def look(here):
    """How many are told of now, and what is written down of the subject."""
    told = look_at_adopted(here.connection, here.folder, NOBODY, datetime.now(UTC))
    facts = [fact for fact in LedgerFacts(here.connection).of("s") if str(fact.step) == "adopted"]
    return told, [(fact.version, fact.who, fact.details["lacks"]) for fact in facts]


def test_what_came_without_votes_is_in_force_and_told_of_once(here, postgres):
    with elsewhere(here, postgres) as other:
        other.publish(draft("s", A), lambda *_: None)
        other.publish(draft("s", B), lambda *_: None)

    assert adopt(here.connection, here.folder).new == 2
    lacking = ["2 of board"]
    assert look(here) == (2, [(1, "git", lacking), (2, "git", lacking)])
    assert look(here)[0] == 0
    rows = here.connection.execute("select kind, key, body ->> 'lacks' from outbox order by key").fetchall()
    assert rows == [("adopted unapproved", f"s version {n}", "2 of board") for n in (1, 2)]


def test_what_came_with_its_votes_is_only_written_down(here, postgres):
    with elsewhere(here, postgres) as other:
        voted(other, "s", A, "ben", "cem")
        other.publish(draft("s", A), judge_for(other, NOBODY))
    adopt(here.connection, here.folder)
    assert look(here) == (0, [(1, "git", [])])


def test_a_vote_too_few_or_in_somebody_elses_commit_is_lacking(here, postgres):
    with elsewhere(here, postgres) as other:
        voted(other, "s", A, "ben")
        votes = here.folder / "s" / "proposals" / "schema-1" / "votes"
        (votes / "cem.yaml").write_text((votes / "ben.yaml").read_text().replace("ben", "cem"))
        other.publish(draft("s", A), lambda *_: None)
    adopt(here.connection, here.folder)
    assert look(here) == (1, [(1, "git", ["1 of board"])])


def test_what_this_registry_let_through_itself_is_never_looked_at(here):
    voted(here, "s", A, "ben", "cem")
    here.publish(draft("s", A), judge_for(here, NOBODY))
    assert look(here) == (0, [])


def test_an_empty_registry_believes_the_git_that_it_is_filled_from(here, postgres):
    with elsewhere(here, postgres) as other:
        other.publish(draft("s", A), lambda *_: None)
        with fresh_ledger(postgres) as dsn, connect(dsn, application="test") as restored:
            adopt(restored, here.folder)
            assert look_at_adopted(restored, here.folder, NOBODY, datetime.now(UTC)) == 0
