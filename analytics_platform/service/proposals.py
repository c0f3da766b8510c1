"""Endpoints below /proposals: what waits for votes, with its evidence, and the votes of whoever has a token.

They are the acts of `ap schema`: the same checks, the same facts, the same commits.
"""

from collections.abc import Callable
from typing import Any

from analytics_platform.errors import PlatformError
from analytics_platform.governance.files import Place
from analytics_platform.governance.identity import token_in
from analytics_platform.governance.policy import Person
from analytics_platform.pipeline.governance import voting
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.opening import desk_of, voter
from analytics_platform.pipeline.governance.proposals import (
    about,
    evidence_in,
    is_open,
    open_case,
    proposal_folders,
    subject_at,
)
from analytics_platform.registry.numbers import waiting
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.security.roles import Action
from analytics_platform.service.bodies import page_in, vote_in
from analytics_platform.service.endpoint import Call, Endpoint
from analytics_platform.service.errors import Code, RequestError, version_not_found


def listed(call: Call) -> Any:
    """How far each open proposal is; one that cannot be read says so, and hides no other."""
    prefix = call.query.get("subjectPrefix", "")

    def act(registrar: Registrar, snapshot: Snapshot) -> list[dict[str, Any]]:
        desk = desk_of(registrar, call.registry.declared)
        places = [place for _, place in proposal_folders(desk.folder) if place is not None]
        rows = (_row(registrar, desk, snapshot, place) for place in places if subject_at(place).startswith(prefix))
        return [row for row in rows if row is not None][page_in(call.query)]

    return _decided(call, act)


def shown(call: Call) -> Any:
    """A proposal with its evidence."""

    def act(registrar: Registrar, snapshot: Snapshot) -> dict[str, Any]:
        return _whole(_case(call, registrar, snapshot))

    return _decided(call, act)


def vote(call: Call) -> Any:
    """Approve or reject the change that the body names, unless another one lies there by now."""
    said = vote_in(call.content)

    def act(desk: Desk, case: Case, who: Person) -> None:
        voting.require_same(case, said.change)
        if said.approves:
            voting.approve(desk, case, who, said.seat)
        else:
            voting.reject(desk, case, who, said.why, said.seat)

    return _voted(call, act)


def withdraw(call: Call) -> Any:
    """Take back what was said on one's seat."""
    seat = call.query.get("seat") or None
    return _voted(call, lambda desk, case, who: voting.withdraw(desk, case, who, seat))


def _voted(call: Call, vote_: Callable[[Desk, Case, Person], object]) -> Any:
    def act(registrar: Registrar, snapshot: Snapshot) -> dict[str, Any]:
        who = voter(registrar, token_in(call.authorization))
        vote_(desk_of(registrar, call.registry.declared), _case(call, registrar, snapshot), who)
        return _whole(_case(call, registrar, snapshot))

    return _decided(call, act)


def _decided(call: Call, act: Callable[[Registrar, Snapshot], Any]) -> Any:
    return call.registry.change(lambda registrar: registrar.decide(lambda snapshot: act(registrar, snapshot)))


def _case(call: Call, registrar: Registrar, snapshot: Snapshot) -> Case:
    subject, number = call.subject, call.version
    if number is None:
        raise RequestError(Code.INVALID_VERSION, "A proposal is named by its number: the latest is no proposal")
    if number not in waiting(registrar.folder, subject):
        raise version_not_found(f"{number} of subject '{subject}' as an open proposal")
    return open_case(registrar, desk_of(registrar, call.registry.declared), snapshot, subject, number)


def _row(registrar: Registrar, desk: Desk, snapshot: Snapshot, place: Place) -> dict[str, Any] | None:
    try:
        if not is_open(desk.folder, place):
            return None
        return about(open_case(registrar, desk, snapshot, subject_at(place), place.version))
    except PlatformError as error:
        return {"subject": subject_at(place), "version": place.version, "problem": str(error)}


def _whole(case: Case) -> dict[str, Any]:
    return {**about(case), "evidence": evidence_in(case)}


NO_PROPOSAL = (Code.INVALID_SUBJECT, Code.VERSION_NOT_FOUND, Code.INVALID_VERSION, Code.INVALID_SCHEMA)
VOTED = (*NO_PROPOSAL, Code.NOT_PERMITTED)
PROPOSAL = "/proposals/{subject}/{version}"
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/proposals",
        answer=listed,
        summary="What waits for votes",
        query=("subjectPrefix", "offset", "limit"),
        takes_time=True,
    ),
    Endpoint(
        method="GET",
        path=PROPOSAL,
        answer=shown,
        summary="A proposal with its evidence",
        codes=NO_PROPOSAL,
        takes_time=True,
    ),
    Endpoint(
        method="POST",
        path=f"{PROPOSAL}/votes",
        answer=vote,
        summary="Approve or reject a proposal",
        action=Action.VOTE,
        codes=(*VOTED, Code.CONFLICT),
        takes_time=True,
    ),
    Endpoint(
        method="DELETE",
        path=f"{PROPOSAL}/votes",
        answer=withdraw,
        summary="Take back a vote",
        action=Action.VOTE,
        query=("seat",),
        codes=VOTED,
        takes_time=True,
    ),
)
