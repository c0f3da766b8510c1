"""What each role may do: every action is somebody's, nobody else's, and an admin's in any case."""

import pytest

from analytics_platform.security.roles import MAY, PLAIN, Action, Role, may


def test_every_action_is_in_the_table():
    assert set(MAY) == set(Action)


@pytest.mark.parametrize("action", list(Action))
def test_an_admin_may_everything_and_nobody_nothing(action):
    assert may(frozenset({Role.ADMIN}), action)
    assert not may(frozenset(), action)


def test_a_viewer_only_reads_votes_and_leaves():
    seen = {action for action in Action if may(frozenset({Role.VIEWER}), action)}
    assert seen == {Action.READ_TABLE, Action.VOTE, Action.END_OWN_TOKEN}


def test_no_two_roles_are_the_same():
    seen = {role: frozenset(action for action in Action if may(frozenset({role}), action)) for role in Role}
    assert len(set(seen.values())) == len(Role)


def test_what_is_not_written_down_changes_nothing():
    assert {Action.READ_TABLE} == PLAIN
