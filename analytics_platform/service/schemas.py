"""Endpoints below /schemas: a schema by its id or GUID, whoever uses it. Pure."""

from typing import Any
from uuid import UUID

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.snapshot import Text
from analytics_platform.service import answers
from analytics_platform.service.bodies import flag_in, id_in, page_in
from analytics_platform.service.endpoint import Call, Endpoint, Raw
from analytics_platform.service.errors import Code, schema_not_found

CONTEXT = "."  # the only one
GUID_LENGTH = 36


def by_id(call: Call) -> Any:
    """The schema of an id."""
    text = _text(call)
    highest = {"maxId": max(call.snapshot.texts)} if flag_in(call.query, "fetchMaxId") else {}
    return {**answers.about_text(text, call.snapshot, call.query.get("format", "")), **highest}


def body_by_id(call: Call) -> Any:
    """Nothing but the schema."""
    return Raw(answers.about_text(_text(call), call.snapshot, call.query.get("format", ""))["schema"])


def subjects_by_id(call: Call) -> Any:
    """The subjects that use it."""
    return sorted({version.subject for version in _users(call)})[page_in(call.query)]


def versions_by_id(call: Call) -> Any:
    """The versions that are it."""
    found = [{"subject": version.subject, "version": version.version} for version in _users(call)]
    return found[page_in(call.query)]


def by_guid(call: Call) -> Any:
    """The schema of a GUID."""
    return answers.about_text(_text_by_guid(call), call.snapshot, call.query.get("format", ""))


def ids_by_guid(call: Call) -> Any:
    """The ids of a GUID: one, for there is one context."""
    return [{"context": CONTEXT, "id": _text_by_guid(call).id}]


def types(_: Call) -> Any:
    """The languages that are spoken here."""
    return [str(format_) for format_ in SchemaFormat]


def every(call: Call) -> Any:
    """All versions of all subjects."""
    deleted, latest = flag_in(call.query, "deleted"), flag_in(call.query, "latestOnly")
    found = answers.every_schema(call.snapshot, call.query, deleted=deleted, latest=latest)
    return [answers.about_version(version, call.snapshot) for version in found[page_in(call.query)]]


def _text(call: Call) -> Text:
    return answers.text_of(call.snapshot, id_in(call.segments["id"]))


def _users(call: Call) -> Any:
    deleted, subject = flag_in(call.query, "deleted"), call.query.get("subject", "")
    return answers.users_of(call.snapshot, id_in(call.segments["id"]), subject=subject, deleted=deleted)


def _text_by_guid(call: Call) -> Text:
    named = call.segments["guid"]
    try:
        found = call.snapshot.by_guid.get(UUID(named)) if len(named) <= GUID_LENGTH else None
    except ValueError:
        found = None
    if found is None:
        raise schema_not_found(named[:GUID_LENGTH])
    return found


UNKNOWN = (Code.SCHEMA_NOT_FOUND,)
PAGE = ("offset", "limit")
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/schemas",
        answer=every,
        summary="Every version of every subject",
        query=("subjectPrefix", "deleted", "latestOnly", *PAGE),
    ),
    Endpoint(
        method="GET",
        path="/schemas/ids/{id}",
        answer=by_id,
        summary="The schema of an id",
        query=("format", "fetchMaxId", "subject"),
        codes=UNKNOWN,
    ),
    Endpoint(
        method="GET",
        path="/schemas/ids/{id}/schema",
        answer=body_by_id,
        summary="The schema of an id and nothing else",
        query=("format", "subject"),
        codes=UNKNOWN,
    ),
    Endpoint(
        method="GET",
        path="/schemas/ids/{id}/subjects",
        answer=subjects_by_id,
        summary="The subjects that use an id",
        query=("subject", "deleted", *PAGE),
        codes=UNKNOWN,
    ),
    Endpoint(
        method="GET",
        path="/schemas/ids/{id}/versions",
        answer=versions_by_id,
        summary="The versions that an id stands for",
        query=("subject", "deleted", *PAGE),
        codes=UNKNOWN,
    ),
    Endpoint(
        method="GET",
        path="/schemas/guids/{guid}",
        answer=by_guid,
        summary="The schema of a GUID",
        query=("format",),
        codes=UNKNOWN,
    ),
    Endpoint(
        method="GET", path="/schemas/guids/{guid}/ids", answer=ids_by_guid, summary="The id of a GUID", codes=UNKNOWN
    ),
    Endpoint(method="GET", path="/schemas/types", answer=types, summary="The schema languages spoken here"),
)
