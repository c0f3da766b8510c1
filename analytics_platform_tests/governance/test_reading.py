"""Who may read what: protected unless somebody says otherwise, the first entry that fits, never more than was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.reading import SEE_PROTECTED, Reading, view_of
from analytics_platform.governance.reading_file import parse_reading
from analytics_platform.security.roles import EVERYBODY, Role

ROLES = st.frozensets(st.sampled_from(list(Role)), min_size=1)
TAGS = st.frozensets(st.sampled_from(["none", "email", "name", "undecided"]))
FILE = """\
tables:
  - {tables: "persons/exceptions", roles: [steward]}
  - {tables: "secret*", roles: [steward]}
columns:
  - {columns: "persons.city", roles: everybody}
  - {columns: "hot_items.price", roles: [engineer]}
tags:
  email: [engineer]
"""


@given(ROLES)
def test_without_a_file_records_as_they_came_are_for_few(roles):
    for table in ("bids/bronze", "bids/exceptions"):
        assert (view_of(Reading(), roles, table, ["value"], {}) is None) == (not roles & SEE_PROTECTED)
    assert view_of(Reading(), roles, "bids", ["price"], {}) is not None


@given(ROLES, TAGS)
def test_without_a_file_a_column_is_hidden_for_any_tag_but_none(roles, tags):
    view = view_of(Reading(), roles, "persons", ["c", "d"], {"c": tags})
    assert view is not None
    is_protected = bool(tags - {"none"})
    assert view.hidden == ({"c"} if is_protected and not roles & SEE_PROTECTED else set())
    assert view.revealed == ({"c"} if is_protected and roles & SEE_PROTECTED else set())
    assert view.is_sensitive == bool(view.revealed)


@pytest.mark.parametrize(
    ("table", "role", "may"),
    [
        ("persons/exceptions", Role.STEWARD, True),
        ("persons/exceptions", Role.ON_CALL, False),
        ("bids/exceptions", Role.ON_CALL, True),
        ("secret_model", Role.ENGINEER, False),
        ("persons", Role.VIEWER, True),
        ("persons/exceptions", Role.ADMIN, True),
    ],
)
def test_the_file_says_who_reads_a_table(table, role, may):
    assert (view_of(parse_reading(FILE), frozenset({role}), table, ["c"], {}) is not None) == may


@pytest.mark.parametrize(
    ("table", "column", "tag", "role", "sees"),
    [
        ("persons", "city", "address", Role.VIEWER, True),
        ("persons", "state", "address", Role.VIEWER, False),
        ("hot_items", "price", "none", Role.VIEWER, False),
        ("hot_items", "price", "none", Role.ENGINEER, True),
        ("persons", "emailAddress", "email", Role.ENGINEER, True),
        ("persons", "emailAddress", "email", Role.STEWARD, False),
        ("persons", "emailAddress", "email", Role.ADMIN, True),
    ],
)
def test_the_file_says_who_sees_a_column_or_a_tag(table, column, tag, role, sees):
    view = view_of(parse_reading(FILE), frozenset({role}), table, [column, "batch"], {column: frozenset({tag})})
    assert view is not None and (column not in view.hidden) == sees


@given(TAGS, TAGS, ROLES)
def test_what_comes_of_two_columns_is_hidden_from_whom_either_is(first, second, roles):
    def hides(tags):
        view = view_of(parse_reading(FILE), roles, "t", ["c", "d"], {"c": tags})
        return view is None or bool(view.hidden)

    if len(roles) == 1:  # two roles may each see one of them, and together both
        assert hides(first | second) == (hides(first) or hides(second))


def test_everybody_is_everybody():
    assert parse_reading("columns: [{columns: a.b, roles: everybody}]").columns[0].roles == EVERYBODY


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tabels: []", "something unknown"),
        ("- x", "something unknown"),
        ("tables: {}", ""),
        ("tables: [{tables: x}]", "tables 1: is no entry"),
        ("tables: [{tables: x, roles: [boss]}]", "roles are"),
        ("columns: [{tables: x, roles: [steward]}]", "columns 1: is no entry"),
        ("tags: [email]", "are no mapping"),
        ("tags: {email: steward}", "tag email: roles are"),
        ("tables: [", "is no YAML"),
    ],
)
def test_a_file_that_says_nothing_clear_is_refused_by_the_entry(text, problem):
    if not problem:
        assert parse_reading(text) == Reading()
        return
    with pytest.raises(DeclarationError, match=problem):
        parse_reading(text)


def test_a_table_of_which_nothing_may_be_seen_may_not_be_read():
    tags = dict.fromkeys("cd", frozenset({"name"}))
    assert view_of(Reading(), frozenset({Role.VIEWER}), "persons", ["c", "d"], tags) is None
