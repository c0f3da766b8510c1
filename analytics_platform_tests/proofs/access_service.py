"""The matrix of people: the service over HTTP, `ap`, and reading the tables, by tokens of each role and of nobody."""

import itertools
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.errors import NotEntitledError, TokenError
from analytics_platform.facts import OffsetRange, Pins
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.postgres import connect
from analytics_platform.security.roles import MAY, Action, Role
from analytics_platform_tests.brokers import fresh_database, running_postgres
from analytics_platform_tests.proofs.access_cells import Cell, Flip, Side
from analytics_platform_tests.service.served import Served, repository, serving
from analytics_platform_tests.service.tokens import issued, revoke

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
STRANGERS = ("stranger", "expired", "revoked")
HTTP_ACTIONS = {
    Action.REGISTER_SCHEMA: "cells-value",
    Action.SET_SCHEMA_RULES: "cells-value",
    Action.DELETE_SCHEMA: "cells-value",
}
COMMANDS = {
    Action.JUDGE_AGAIN: ("batch", "rerun", "{batch}", "--reason", "a cell", "--no-wait"),
    Action.DECIDE_BATCH: ("batch", "discard", "{batch}", "--reason", "a cell", "--no-wait"),
    Action.PAUSE_STREAM: ("stream", "resume", "bids"),
    Action.READ_ACCESS_LOG: ("access", "log", "--limit", "1"),
    Action.GIVE_ACCESS: ("token", "issue", "somebody"),
}


class RefusedError(Exception):
    """The service's refusal: status and message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The service with its database, a token for each principal, and names that are used once."""

    served: Served
    dsn: str
    state: Path
    tokens: Mapping[str, str]
    fresh: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ask(self, principal: str, method: str, path: str, content: Any = None) -> Any:
        """One request of that principal; raises RefusedError for 401 and 403."""
        token = self.tokens.get(principal)
        answer = self.served.ask(method, path, content, {"Authorization": f"Bearer {token}"} if token else {})
        if answer.status in (401, 403):
            raise RefusedError(f"{answer.status} {answer.body['message']}")
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.body}")
        return answer.body

    def ap(self, principal: str, words: tuple[str, ...]) -> str:
        """One command of that principal; raises what it raises."""
        named = {
            "AP_LEDGER_DSN": self.dsn,
            "AP_STATE_DIR": str(self.state),
            "AP_SCHEMA_DIR": str(self.served.folder),
            "AP_TOKEN": self.tokens[principal],
        }
        done = CliRunner().invoke(commands, words, env=named, catch_exceptions=False)
        if done.exit_code:
            raise AssertionError(f"ap {' '.join(words)}: {done.output}")
        return done.output

    def schema(self) -> dict[str, str]:
        """A schema that nobody has registered."""
        fields = [{"name": f"f{next(self.fresh)}", "type": "long", "default": 0}]
        return {"schema": json.dumps({"type": "record", "name": "R", "fields": fields})}

    def batch(self) -> str:
        """A batch that is held, and that nobody has decided about."""
        ranges = [OffsetRange(topic_id=UUID(int=next(self.fresh)), partition=0, start=0, end=1)]
        with connect(self.dsn, application="cells") as ledger:
            planning.record(ledger, "auction_house", "bids", ranges, Pins(reader_schema_id=1), NOW)
            row = ledger.execute("update batch set state = 'held' where state = 'planned' returning number").fetchone()
        assert row is not None, "it was planned a moment ago"
        return f"bids/{row[0]}"


@contextmanager
def opened(folder: Path) -> Generator[Side]:
    """The service and `ap` over a Postgres of their own, with a token of each role."""
    with (
        running_postgres(folder / "postgres") as postgres,
        fresh_database(postgres) as dsn,
        serving(dsn, repository(folder / "project")) as served,
    ):
        with connect(dsn, application="cells") as ledger:
            ensure_pipeline(ledger, "auction_house")
        house = House(served=served, dsn=dsn, state=folder / "state", tokens=_tokens(served))
        house.ask("admin", "PUT", "/config", {"compatibility": "NONE"})
        yield Side(cells=tuple(_cells(house)), flips=tuple(_flips()))


def _tokens(served: Served) -> dict[str, str]:
    roles = {str(role): issued(served.registry, str(role), roles=frozenset({role})) for role in Role}
    admin = frozenset({Role.ADMIN})
    ended = issued(served.registry, "expired", timedelta(seconds=-1), admin)
    taken = issued(served.registry, "revoked", roles=admin)
    revoke(served.registry, taken)
    return {**roles, "expired": ended, "revoked": taken}


def _cells(house: House) -> Iterator[Cell]:
    for principal in (*map(str, Role), *STRANGERS):
        yield _service_cell(house, principal, "read", None, lambda who=principal: _read(house, who))
        for action, attempt in _attempts(house).items():
            yield _service_cell(house, principal, action, action, lambda who=principal, do=attempt: do(who))
    for principal in (*map(str, Role), "expired", "revoked"):
        for action, words in COMMANDS.items():
            yield _command_cell(house, principal, action, words)


def _attempts(house: House) -> dict[Action, Callable[[str], object]]:
    """What each action is over HTTP; each does something that was not done before."""
    subject = "/subjects/cells-value"

    def delete(who: str) -> object:
        number = next(house.fresh)
        path = f"/subjects/cells-value-{number}"
        house.ask("admin", "POST", f"{path}/versions", house.schema())
        return house.ask(who, "DELETE", f"{path}/versions/1")

    return {
        Action.REGISTER_SCHEMA: lambda who: house.ask(who, "POST", f"{subject}/versions", house.schema()),
        Action.SET_SCHEMA_RULES: lambda who: house.ask(who, "PUT", "/config/cells-value", {"compatibility": "NONE"}),
        Action.DELETE_SCHEMA: delete,
    }


def _read(house: House, who: str) -> object:
    return house.ask(who, "GET", "/subjects")


def _service_cell(
    house: House, principal: str, operation: str, action: Action | None, attempt: Callable[[], object]
) -> Cell:
    known = {
        "stranger": (operation, "takes a token"),
        "expired": ("of expired has expired",),
        "revoked": ("of revoked was revoked",),
    }
    return Cell(
        system="service",
        principal=principal,
        operation=operation,
        resource="cells-value" if action else "subjects",
        is_allowed=action is None or (principal in set(Role) and Role(principal) in MAY[action]),
        attempt=attempt,
        refusals=(RefusedError,),
        says=known.get(principal, ()),
    )


def _command_cell(house: House, principal: str, action: Action, words: tuple[str, ...]) -> Cell:
    ended = {"expired": ("of expired has expired",), "revoked": ("of revoked was revoked",)}

    def attempt() -> object:
        batch = house.batch() if "{batch}" in words else ""
        return house.ap(principal, tuple(word.format(batch=batch) for word in words))

    return Cell(
        system="ap",
        principal=principal,
        operation=action,
        resource=" ".join(words[:2]),
        is_allowed=principal in set(Role) and Role(principal) in MAY[action],
        attempt=attempt,
        refusals=(NotEntitledError, TokenError),
        says=ended.get(principal, (principal, action)),
    )


def _flips() -> Iterator[Flip]:
    """Each action given to the first role that has it not, and taken from one that has it."""
    for action, system in [*((action, "service") for action in HTTP_ACTIONS), *((action, "ap") for action in COMMANDS)]:
        resource = "cells-value" if system == "service" else " ".join(COMMANDS[action][:2])
        others = sorted(set(Role) - MAY[action])
        holders = sorted(MAY[action] - {Role.ADMIN}) or [Role.ADMIN]
        for role, verb in ((others[0], "given to"), (holders[0], "taken from")):
            yield Flip(
                name=f"{action} {verb} {role}",
                turned=lambda action=action, role=role: _turned(action, role),
                turns=(f"{system}: {role} {action} {resource}",),
            )


@contextmanager
def _turned(action: Action, role: Role) -> Generator[None]:
    """The table of roles with one square turned round."""
    table = MAY
    assert isinstance(table, dict), "it is written as one"
    before = table[action]
    table[action] = before ^ {role}
    try:
        yield
    finally:
        table[action] = before
