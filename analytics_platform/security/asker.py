"""Who asks, how that is known, and whether they may. Pure; `access_log.py` keeps what was asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from analytics_platform.errors import NotEntitledError
from analytics_platform.security.roles import MAY, PLAIN, Action, Role, may

NOBODY = "nobody known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody with their roles; `known_by` is what makes us believe who they are."""

    name: str
    known_by: str
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for: which action, on what, by way of which command or endpoint."""

    action: Action
    target: str
    via: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFact:
    """That somebody asked for something, and whether they got it: `problem` is why not, "" if they did."""

    at: datetime
    who: str
    known_by: str
    wanted: Wanted
    problem: str = ""


STRANGER = Asker(name=NOBODY, known_by="no token")


def refusal(asker: Asker, wanted: Wanted) -> NotEntitledError | None:
    """Why they may not, by name, and who may; None if they may."""
    if may(asker.roles, wanted.action):
        return None
    has = f"has {', '.join(sorted(asker.roles))}" if asker.roles else "has no role"
    asked = f"{asker.name} ({asker.known_by}) may not {wanted.action}: {wanted.target}"
    remedy = (
        f"it takes {' or '.join(sorted(MAY[wanted.action]))}, and {asker.name} {has}: `ap token issue NAME --role …`"
    )
    return NotEntitledError(asked, remedy)


def fact_of(asker: Asker, wanted: Wanted, at: datetime) -> AccessFact | None:
    """What is written down of it; None for what is both allowed and too common."""
    problem = refusal(asker, wanted)
    if problem is None and wanted.action in PLAIN:
        return None
    return AccessFact(at=at, who=asker.name, known_by=asker.known_by, wanted=wanted, problem=str(problem or ""))


def bounded(asker: Asker, people_of: Mapping[Role, Collection[str]]) -> Asker:
    """The asker without the roles that are other people's; a role that names nobody is for whoever was given it."""
    kept = frozenset(role for role in asker.roles if role not in people_of or asker.name in people_of[role])
    return replace(asker, roles=kept)


def signature(name: str, speaks_for: str) -> str:
    """The name under which something is ordered: the asker's, and beside it that of whom they speak for."""
    return name if speaks_for in ("", name) else f"{speaks_for}, says {name}"
