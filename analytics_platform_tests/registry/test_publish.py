"""Publishing and syncing: killed anywhere nothing is lost or doubled, and git and Postgres never give an id twice."""

import json
from dataclasses import replace

import pytest

from analytics_platform.errors import DeclarationError, SchemaConflictError
from analytics_platform.facts import SchemaFormat
from analytics_platform.postgres import connect
from analytics_platform.registry import store
from analytics_platform.registry.gate import gate
from analytics_platform.registry.git import Repository
from analytics_platform.registry.lock import LOCK, VersionState, parse_lock, unsealed
from analytics_platform.registry.publish import Registrar, Step
from analytics_platform.registry.sync import adopt, sync
from analytics_platform.registry.texts import Draft
from analytics_platform.settings import ROOT
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.service.served import git, repository

A = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}'
B = A.replace('"R"', '"S"')
C = A.replace('"R"', '"T"')


class KilledError(Exception):
    """Stands for kill -9: nothing after it runs."""


def anything(*_):
    """Whatever is proposed may be published."""


def draft(body, subject="bids-value"):
    return Draft(subject=subject, format=SchemaFormat.AVRO, body=body)


@pytest.fixture
def folder(tmp_path):
    return repository(tmp_path)


@pytest.fixture
def registrar(ledger, folder, tmp_path):
    return Registrar(connection=ledger, folder=folder, repository=Repository.of(folder), patches=tmp_path / "patches")


def seen(ledger):
    return {(v.subject, v.version): v.text.id for v in store.read_snapshot(ledger).every_version()}


def locked(folder):
    return {(e.subject, e.version): e.id for e in parse_lock((folder / LOCK).read_text(), LOCK)}


@pytest.mark.parametrize("step", list(Step))
def test_killed_at_any_step_a_publish_is_finished_by_the_next_one_and_never_doubled(registrar, ledger, folder, step):
    def kill(reached):
        if reached is step:
            raise KilledError

    registrar.publish(draft(A), anything)
    with pytest.raises(KilledError):
        replace(registrar, reached=kill).publish(draft(B), anything)
    before = seen(ledger)

    again = registrar.publish(draft(B), anything)

    assert (again.version, again.text.id) == (2, 2)
    assert before in ({("bids-value", 1): 1}, {("bids-value", 1): 1, ("bids-value", 2): 2})
    assert seen(ledger) == locked(folder) == {("bids-value", 1): 1, ("bids-value", 2): 2}
    assert git(folder, "log", "--format=%s", "-n", "3").splitlines()[:2] == [
        "schemas: bids-value version 2 is published (id 2)",
        "schemas: bids-value version 1 is published (id 1)",
    ]
    assert git(folder, "status", "--porcelain") == ""


def test_a_commit_holds_nothing_else_that_lies_there(registrar, folder):
    (folder / "notes.txt").write_text("mine")
    (folder.parent / "README").write_text("changed\n")
    git(folder, "add", "notes.txt")

    registrar.publish(draft(A), anything)

    assert git(folder, "show", "--format=", "--name-only").split() == [
        "schemas/bids/subject.yaml",
        "schemas/bids/value/1.avsc",
        "schemas/ids.lock",
    ]
    assert git(folder.parent, "status", "--porcelain").splitlines() == [" M README", "A  schemas/notes.txt"]


def test_from_git_alone_come_the_same_ids(registrar, ledger, folder, postgres):
    for body, subject in ((A, "bids-value"), (B, "bids-value"), (A, "other"), (C, "odd/na me-key")):
        registrar.publish(draft(body, subject), anything)
    registrar.set_states("bids-value", store.read_snapshot(ledger).versions("bids-value")[:1], VersionState.DELETED)
    wanted = store.read_snapshot(ledger)

    with fresh_ledger(postgres) as dsn, connect(dsn, application="test") as other:
        assert adopt(other, folder).problems == {}
        found = store.read_snapshot(other)
        after = Registrar(connection=other, folder=folder, repository=Repository.of(folder), patches=folder).publish(
            draft(C, "late"), anything
        )

    assert replace(found, change=0) == replace(wanted, change=0)
    assert after.text.id == 3


def test_a_restore_of_either_goes_on_above_the_higher_of_both(registrar, ledger, folder):
    registrar.publish(draft(A), anything)
    behind = git(folder, "rev-parse", "HEAD").strip()
    registrar.publish(draft(B), anything)
    git(folder, "reset", "-q", "--hard", behind)

    done = sync(ledger, folder, anything)

    assert locked(folder) == {("bids-value", 1): 1, ("bids-value", 2): 2}
    assert set(done.restored) == {"bids/value/2.avsc", "bids/subject.yaml", LOCK}
    assert registrar.publish(draft(C), anything).text.id == 3


def test_sync_gives_a_reviewed_version_its_id_once(registrar, ledger, folder):
    registrar.publish(draft(A), anything)
    (folder / "bids" / "value" / "2.avsc").write_text(B)
    states = (folder / "bids" / "subject.yaml").read_text()
    (folder / "bids" / "subject.yaml").write_text(states + "  2: {state: published} # reviewed by us\n")

    first, second = sync(ledger, folder, anything), sync(ledger, folder, anything)

    assert [(entry.version, entry.id) for entry in first.allotted] == [(2, 2)]
    assert (second.allotted, dict(second.restored)) == ((), {})
    assert seen(ledger) == locked(folder)
    assert "# reviewed by us" in (folder / "bids" / "subject.yaml").read_text()


def test_data_that_is_written_in_an_id_keeps_it(ledger, folder):
    (folder / "bids" / "value").mkdir(parents=True)
    (folder / "bids" / "value" / "1.avsc").write_text(A)
    (folder / "bids" / "subject.yaml").write_text("versions:\n  1: {state: published}\n")

    sync(ledger, folder, anything, {("bids-value", 1): 70})

    assert seen(ledger) == locked(folder) == {("bids-value", 1): 70}


def test_two_branches_that_each_add_a_schema_merge_without_changing_an_id(registrar, ledger, folder):
    registrar.publish(draft(A), anything)
    (folder.parent / ".gitattributes").write_text((ROOT / ".gitattributes").read_text())
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    git(folder.parent, "add", "-A")
    git(folder.parent, *who, "commit", "-q", "-m", "attributes")
    git(folder, "checkout", "-q", "-b", "one")
    registrar.publish(draft(B, "one-value"), anything)
    git(folder, "checkout", "-q", "main")
    git(folder, "checkout", "-q", "-b", "two")
    registrar.publish(draft(C, "two-value"), anything)

    git(folder, *who, "merge", "-q", "-m", "both", "one")

    assert locked(folder) == {("bids-value", 1): 1, ("one-value", 1): 2, ("two-value", 1): 3}
    assert gate(folder, "one") == gate(folder, "two") == []
    assert adopt(ledger, folder).problems == {} and seen(ledger) == locked(folder)


def test_an_edit_by_hand_fails_the_gate(registrar, folder):
    registrar.publish(draft(A), anything)
    head = git(folder, "rev-parse", "HEAD").strip()
    lock = (folder / LOCK).read_text()
    assert gate(folder, head) == []
    (folder / LOCK).write_text(lock.replace("id: 1,", "id: 7,"))
    assert [problem.partition(",")[0] for problem in gate(folder)] == ["ids.lock"] and "by hand" in gate(folder)[0]
    assert "id 1 at" in gate(folder, head)[1]
    (folder / LOCK).write_text("schemas:\n")
    assert "and nothing here" in gate(folder, head)[0]
    (folder / LOCK).write_text(lock)
    (folder / "bids" / "value" / "1.avsc").write_text(B)
    assert "is not the text that got id 1" in gate(folder)[0]


def test_this_repositorys_own_lock_passes_the_gate():
    assert gate(ROOT / "schemas") == []
    assert unsealed(parse_lock((ROOT / "schemas" / LOCK).read_text(), LOCK)) == []


def test_one_id_for_two_schemas_is_refused_and_harms_no_other_subject(registrar, ledger, folder, tmp_path):
    registrar.publish(draft(A), anything)
    entry = next(iter(parse_lock((folder / LOCK).read_text(), LOCK)))
    with connect(ledger.info.dsn, application="test") as other:
        other.execute("set session_replication_role = replica")  # nothing else empties facts
        other.execute("truncate schema_state, schema_version, schema_text cascade")
        elsewhere = repository(tmp_path / "elsewhere")
        Registrar(connection=other, folder=elsewhere, repository=Repository.of(elsewhere), patches=tmp_path).publish(
            draft(B, "z-value"), anything
        )

    found = adopt(ledger, folder)

    assert entry.id == 1
    assert isinstance(found.problems["bids-value"], SchemaConflictError)
    assert seen(ledger) == {("z-value", 1): 1}


def test_a_published_text_that_changed_is_not_adopted(registrar, ledger, folder):
    registrar.publish(draft(A), anything)
    (folder / "bids" / "value" / "1.avsc").write_text(json.dumps(json.loads(B)))

    assert isinstance(adopt(ledger, folder).problems["bids-value"], DeclarationError)
