"""Endpoints below /config and /mode: what holds for a subject, and for all that say nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analytics_platform.product import Compatibility
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import EVERYWHERE, Mode, Setting, Snapshot
from analytics_platform.security.roles import Action
from analytics_platform.service.bodies import flag_in, level_in, mode_in
from analytics_platform.service.endpoint import Call, Endpoint
from analytics_platform.service.errors import Code, RequestError


def level(call: Call) -> Any:
    """The compatibility level; of a subject only if it has its own, or the default was asked for."""
    subject = _subject(call)
    own = call.snapshot.settings.get(subject, Setting()).compatibility
    if own is None and subject != EVERYWHERE and not flag_in(call.query, "defaultToGlobal"):
        problem = f"Subject '{subject}' does not have subject-level compatibility configured"
        raise RequestError(Code.NO_SUBJECT_COMPATIBILITY, problem)
    return {"compatibilityLevel": str(own or call.snapshot.compatibility(subject))}


def set_level(call: Call) -> Any:
    """Say what new versions may do from now on."""
    wanted = level_in(call.content)
    _set(call, lambda setting: replace(setting, compatibility=wanted))
    return {"compatibility": str(wanted)}


def delete_level(call: Call) -> Any:
    """Leave it to the default; answers with what held before."""
    before: Compatibility | None = None
    subject = _subject(call)

    def without(setting: Setting) -> Setting:
        nonlocal before
        before = setting.compatibility
        if before is None and subject != EVERYWHERE:
            problem = f"Subject '{subject}' does not have subject-level compatibility configured"
            raise RequestError(Code.NO_SUBJECT_COMPATIBILITY, problem)
        return replace(setting, compatibility=None)

    _set(call, without)
    return {"compatibilityLevel": str(before or Compatibility.BACKWARD)}


def mode(call: Call) -> Any:
    """The mode; of a subject only if it has its own, or the default was asked for."""
    subject = _subject(call)
    own = call.snapshot.settings.get(subject, Setting()).mode
    if own is None and subject != EVERYWHERE and not flag_in(call.query, "defaultToGlobal"):
        raise RequestError(Code.NO_SUBJECT_MODE, f"Subject '{subject}' does not have subject-level mode configured")
    return {"mode": str(own or call.snapshot.mode(subject))}


def set_mode(call: Call) -> Any:
    """Say what may be done from now on."""
    wanted = mode_in(call.content)
    _set(call, lambda setting: replace(setting, mode=wanted))
    return {"mode": str(wanted)}


def delete_mode(call: Call) -> Any:
    """Leave it to the default; answers with what held before."""
    before: Mode | None = None
    subject = _subject(call)

    def without(setting: Setting) -> Setting:
        nonlocal before
        before = setting.mode
        if before is None and subject != EVERYWHERE:
            raise RequestError(Code.NO_SUBJECT_MODE, f"Subject '{subject}' does not have subject-level mode configured")
        return replace(setting, mode=None)

    _set(call, without)
    return {"mode": str(before or Mode.READWRITE)}


def _set(call: Call, changed: Callable[[Setting], Setting]) -> None:
    subject = _subject(call)

    def act(registrar: Registrar, snapshot: Snapshot) -> None:
        registrar.set_setting(subject, changed(snapshot.settings.get(subject, Setting())))

    call.registry.change(lambda registrar: registrar.decide(lambda snapshot: act(registrar, snapshot)))


def _subject(call: Call) -> str:
    return call.subject if "subject" in call.segments else EVERYWHERE


CHANGED = (Code.NOT_PERMITTED, Code.STORE_FAILED)
PLACES = (("", "of all subjects", ()), ("/{subject}", "of a subject", (Code.INVALID_SUBJECT,)))


DEFAULT = ("defaultToGlobal",)


def _of_levels(place: str, whose: str, codes: tuple[Code, ...]) -> tuple[Endpoint, ...]:
    none = (*codes, Code.NO_SUBJECT_COMPATIBILITY) if codes else ()
    path, what = f"/config{place}", f"the compatibility level {whose}"
    return (
        Endpoint(method="GET", path=path, answer=level, summary=f"Read {what}", query=DEFAULT, codes=none),
        Endpoint(
            method="PUT",
            path=path,
            answer=set_level,
            summary=f"Set {what}",
            action=Action.SET_SCHEMA_RULES,
            codes=(*codes, Code.INVALID_COMPATIBILITY, *CHANGED),
            takes_time=True,
        ),
        Endpoint(
            method="DELETE",
            path=path,
            answer=delete_level,
            summary=f"Reset {what}",
            action=Action.SET_SCHEMA_RULES,
            codes=(*none, *CHANGED),
            takes_time=True,
        ),
    )


def _of_modes(place: str, whose: str, codes: tuple[Code, ...]) -> tuple[Endpoint, ...]:
    none = (*codes, Code.NO_SUBJECT_MODE) if codes else ()
    path, what = f"/mode{place}", f"the mode {whose}"
    return (
        Endpoint(method="GET", path=path, answer=mode, summary=f"Read {what}", query=DEFAULT, codes=none),
        Endpoint(
            method="PUT",
            path=path,
            answer=set_mode,
            summary=f"Set {what}",
            action=Action.SET_SCHEMA_RULES,
            query=("force",),
            codes=(*codes, Code.INVALID_MODE, *CHANGED),
            takes_time=True,
        ),
        Endpoint(
            method="DELETE",
            path=path,
            answer=delete_mode,
            summary=f"Reset {what}",
            action=Action.SET_SCHEMA_RULES,
            codes=(*none, *CHANGED),
            takes_time=True,
        ),
    )


ENDPOINTS = tuple(endpoint for place in PLACES for endpoint in (*_of_levels(*place), *_of_modes(*place)))
