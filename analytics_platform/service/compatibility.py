"""Endpoints below /compatibility: what would be said of a schema, without registering it."""

from collections.abc import Sequence
from typing import Any

from analytics_platform.pipeline.admission import objections
from analytics_platform.product import Compatibility
from analytics_platform.registry.decide import breaks_with, in_words
from analytics_platform.registry.snapshot import Version
from analytics_platform.registry.texts import propose
from analytics_platform.service import answers
from analytics_platform.service.bodies import draft_in, flag_in
from analytics_platform.service.endpoint import Call, Endpoint
from analytics_platform.service.errors import Code


def with_version(call: Call) -> Any:
    """Whether a schema may follow that version."""
    return _verdict(call, [answers.version_of(call.snapshot, call.subject, call.version)])


def with_subject(call: Call) -> Any:
    """Whether a schema may be the subject's next version, as registering it would decide."""
    return _verdict(call, call.snapshot.versions(call.subject))


def _verdict(call: Call, earlier: Sequence[Version]) -> dict[str, Any]:
    subject, snapshot = call.subject, call.snapshot
    draft = draft_in(subject, call.content, normal=flag_in(call.query, "normalize"))
    proposed = propose(draft, snapshot.text_of)
    level: Compatibility = snapshot.compatibility(subject)
    found = in_words(breaks_with(snapshot, proposed, earlier, level), earlier)
    found = found or objections(call.registry.declared, snapshot, subject, proposed)
    messages = {"messages": found} if flag_in(call.query, "verbose") else {}
    return {"is_compatible": not found, **messages}


INVALID = (Code.INVALID_SCHEMA, Code.INVALID_SUBJECT)
QUERY = ("normalize", "verbose")
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/compatibility/subjects/{subject}/versions/{version}",
        answer=with_version,
        summary="Whether a schema may follow a version",
        query=QUERY,
        codes=(*INVALID, Code.SUBJECT_NOT_FOUND, Code.VERSION_NOT_FOUND, Code.INVALID_VERSION),
        takes_time=True,
    ),
    Endpoint(
        method="POST",
        path="/compatibility/subjects/{subject}/versions",
        answer=with_subject,
        summary="Whether a schema may be a subject's next version",
        query=QUERY,
        codes=INVALID,
        takes_time=True,
    ),
)
