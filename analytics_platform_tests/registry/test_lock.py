import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.registry.lock import VersionState, parse_lock, parse_states

GUID = "4877c32c-ee9c-54f9-adb6-cb2c64a034b9"
OTHER = "3a331b6a-6a60-572e-877c-520e6efd9001"


def entry(**changed):
    fields = {"subject": "s-value", "version": 1, "id": 1, "guid": GUID, "sha256": "a" * 64, "path": "s/value/1.avsc"}
    return "- {" + ", ".join(f"{name}: {value}" for name, value in (fields | changed).items()) + "}"


def lock(*entries):
    return "\n".join(["schemas:", *entries])


def test_entries_know_their_lines():
    first, second = parse_lock(lock(entry(), "# why", entry(version=2, id=2, guid=OTHER)), "ids.lock")

    assert (first.id, first.where) == (1, "ids.lock, line 2")
    assert (second.version, second.where) == (2, "ids.lock, line 4")


def test_one_text_under_two_subjects_shares_its_id():
    assert [e.id for e in parse_lock(lock(entry(), entry(subject="t-value")), "f")] == [1, 1]


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "f", "is no mapping"),
        ("- a", "f", "is no mapping"),
        ("a: 1", "f", "has no list `schemas`"),
        ("schemas: 5", "f", "has no list `schemas`"),
        ("schemas:\n  - a: [", "f, line 2", "is no YAML"),
        ("schemas: []\nx: {\nschemas: a", "f, line 3", "is no YAML"),
        ("schemas: []\nschemas: []", "f, line 2", "'schemas' stands twice"),
        (lock("- 5"), "f, line 2", "is no schema"),
        (lock(entry(), entry(version=2, id="x", guid=OTHER)), "f, line 3", "id is 'x'"),
        (lock(entry(id="true")), "f, line 2", "id is True"),
        (lock(entry(id=0)), "f, line 2", "id 0, version 1"),
        (lock(entry(id=2**31)), "f, line 2", "id 2147483648, version 1"),
        (lock(entry(guid="x-y")), "f, line 2", "guid 'x-y' is none"),
        (lock(entry(sha256="abc")), "f, line 2", "sha256 'abc' is none"),
        (lock(entry(), entry(version=2, guid=OTHER)), "f, line 3", "id 1 belongs to s-value version 1 (f, line 2)"),
        (lock(entry(), entry(id=2, guid=OTHER)), "f, line 3", "s-value version 1 has an entry already (f, line 2)"),
    ],
)
def test_a_lock_that_is_wrong_is_refused_with_its_line(text, where, problem):
    with pytest.raises(DeclarationError) as caught:
        parse_lock(text, "f")

    assert caught.value.where == where
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_each_version_has_a_state():
    assert parse_states("versions:\n  1: {state: deprecated}\n  2: {state: draft}", "f") == {
        1: VersionState.DEPRECATED,
        2: VersionState.DRAFT,
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("owner: a", "has no mapping `versions`"),
        ("versions: [1]", "has no mapping `versions`"),
        ("versions: {one: {state: draft}}", "'one' is no version"),
        ("versions: {0: {state: draft}}", "0 is no version"),
        ("versions: {1: {state: live}}", "version 1 has state 'live'"),
        ("versions: {1: }", "version 1 has state None"),
        ("versions: {1: {state: [draft]}}", "version 1 has state ['draft']"),
        ("versions:\n  1: {state: draft}\n  1: {state: published}", "'1' stands twice"),
    ],
)
def test_a_subject_that_is_wrong_is_refused(text, problem):
    with pytest.raises(DeclarationError) as caught:
        parse_states(text, "f")

    assert problem in caught.value.problem
    assert caught.value.where.startswith("f")
