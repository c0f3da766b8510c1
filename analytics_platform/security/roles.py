"""What each role may do, as one table. Pure.

A person is known by their token, and a token carries roles. Where `governance.yaml` names a role's people, the role is
theirs only: whoever is taken off its list has lost it, whatever their tokens carry.
"""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody is trusted with here."""

    VIEWER = "viewer"  # reads what is for everybody
    ENGINEER = "engineer"  # declares streams and models, registers schemas, has past hours judged again
    STEWARD = "steward"  # answers for what data means and who sees it
    ON_CALL = "on-call"  # decides at night: releases, discards, pauses, repairs
    ADMIN = "admin"  # gives roles to others


class Action(StrEnum):
    """What is asked for: by a command, an endpoint or a query."""

    READ_TABLE = "read a table"
    READ_PROTECTED = "read a protected table or column"
    READ_CLEAR = "read in the clear what is encrypted"
    ERASE = "erase a person"
    REGISTER_SCHEMA = "register a schema"
    SET_SCHEMA_RULES = "set the level or mode of a subject"
    DELETE_SCHEMA = "delete a version of a schema"
    VOTE = "vote on a schema"
    JUDGE_AGAIN = "have batches judged again"
    DECIDE_BATCH = "decide about a batch"
    PAUSE_STREAM = "pause a stream"
    REPAIR = "repair what was lost"
    READ_ACCESS_LOG = "read who did what"
    GIVE_ACCESS = "give or take access"
    END_OWN_TOKEN = "end their own token"


VIEWER, ENGINEER, STEWARD, ON_CALL, ADMIN = Role
EVERYBODY = frozenset(Role)
MAY: Mapping[Action, frozenset[Role]] = {
    Action.READ_TABLE: EVERYBODY,
    Action.READ_PROTECTED: frozenset({STEWARD, ON_CALL, ADMIN}),
    Action.READ_CLEAR: frozenset({STEWARD, ADMIN}),
    Action.ERASE: frozenset({STEWARD, ADMIN}),
    Action.REGISTER_SCHEMA: frozenset({ENGINEER, STEWARD, ADMIN}),
    Action.SET_SCHEMA_RULES: frozenset({STEWARD, ADMIN}),
    Action.DELETE_SCHEMA: frozenset({STEWARD, ADMIN}),
    Action.VOTE: EVERYBODY,  # whose vote counts for what is said by governance.yaml
    Action.JUDGE_AGAIN: frozenset({ENGINEER, ON_CALL, ADMIN}),
    Action.DECIDE_BATCH: frozenset({STEWARD, ON_CALL, ADMIN}),
    Action.PAUSE_STREAM: frozenset({ENGINEER, ON_CALL, ADMIN}),
    Action.REPAIR: frozenset({ON_CALL, ADMIN}),
    Action.READ_ACCESS_LOG: frozenset({STEWARD, ADMIN}),
    Action.GIVE_ACCESS: frozenset({ADMIN}),
    Action.END_OWN_TOKEN: EVERYBODY,
}
PLAIN = frozenset({Action.READ_TABLE})  # too common to be written down where it is allowed


def may(roles: frozenset[Role], action: Action) -> bool:
    """Whether one of the roles is enough."""
    return bool(roles & MAY[action])
