"""Endpoints below /subjects: versions are read, looked up, registered and deleted."""

from collections.abc import Sequence
from typing import Any

from analytics_platform.errors import PlatformError
from analytics_platform.governance.identity import token_in
from analytics_platform.pipeline.governance.desk import policy_of
from analytics_platform.pipeline.governance.opening import asker_of, judge_for
from analytics_platform.registry.decide import held, require_writable
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot, Version
from analytics_platform.registry.texts import propose
from analytics_platform.security.roles import Action
from analytics_platform.service import answers
from analytics_platform.service.bodies import draft_in, flag_in, page_in
from analytics_platform.service.endpoint import Call, Endpoint, Raw
from analytics_platform.service.errors import Code, RequestError, schema_not_found, subject_not_found


def names(call: Call) -> Any:
    """The subjects' names."""
    deleted, deleted_only = flag_in(call.query, "deleted"), flag_in(call.query, "deletedOnly")
    prefix = call.query.get("subjectPrefix", "")
    found = answers.subjects(call.snapshot, prefix, deleted=deleted, deleted_only=deleted_only)
    return found[page_in(call.query)]


def numbers(call: Call) -> Any:
    """The numbers of a subject's versions."""
    deleted, deleted_only = flag_in(call.query, "deleted"), flag_in(call.query, "deletedOnly")
    found = answers.versions_of(call.snapshot, call.subject, deleted=deleted, deleted_only=deleted_only)
    return answers.numbers(found)[page_in(call.query)]


def version(call: Call) -> Any:
    """A version with its schema."""
    return answers.about_version(_version(call), call.snapshot, call.query.get("format", ""))


def body(call: Call) -> Any:
    """Nothing but a version's schema."""
    return Raw(answers.about_version(_version(call), call.snapshot, call.query.get("format", ""))["schema"])


def referenced_by(call: Call) -> Any:
    """The ids of the schemas that refer to a version."""
    found = answers.version_of(call.snapshot, call.subject, call.version, deleted=True)
    referring = call.snapshot.referring_to(found, deleted=flag_in(call.query, "deleted"))
    return sorted({each.text.id for each in referring})[page_in(call.query)]


def register(call: Call) -> Any:
    """Publish a schema as the subject's next version, unless it has it already."""
    subject = call.subject
    draft = draft_in(subject, call.content, normal=flag_in(call.query, "normalize"))
    known = _published_already(call.snapshot, subject, call)

    def publish(registrar: Registrar) -> Version:
        asker = asker_of(registrar, token_in(call.authorization)).name
        who = policy_of(registrar.folder).people.get(asker)  # a producer, or a machine's owner, is nobody of the policy
        return registrar.publish(draft, judge_for(registrar, call.registry.declared, who, asker=asker))

    found = known or call.registry.change(publish)
    about = answers.about_version(found, call.snapshot) if known else _as_registered(found)
    return {name: value for name, value in about.items() if name != "subject"}


def is_published(call: Call) -> bool:
    """Whether the schema is a version of its subject already: producers ask so at each start, and nothing changes."""
    return _published_already(call.snapshot, call.subject, call) is not None


def look_up(call: Call) -> Any:
    """The version of a subject that is this schema."""
    subject, snapshot, deleted = call.subject, call.snapshot, flag_in(call.query, "deleted")
    draft = draft_in(subject, call.content, normal=flag_in(call.query, "normalize"))
    answers.versions_of(snapshot, subject, deleted=deleted)
    found = held(snapshot, subject, propose(draft, snapshot.text_of), deleted=deleted)
    if found is None:
        raise schema_not_found()
    return answers.about_version(found, snapshot, call.query.get("format", ""))


def delete_version(call: Call) -> Any:
    """Hide a version; with `permanent`, take it away for good."""
    subject, number, permanent = call.subject, call.version, flag_in(call.query, "permanent")

    def act(registrar: Registrar, snapshot: Snapshot) -> int:
        found = answers.version_of(snapshot, subject, number, deleted=True)
        if found.is_active and permanent:
            problem = (
                f"Subject '{subject}' Version {found.version} was not deleted first before being permanently deleted"
            )
            raise RequestError(Code.VERSION_NOT_SOFT_DELETED, problem)
        if not found.is_active and not permanent:
            problem = (
                f"Subject '{subject}' Version {found.version} was soft deleted.Set permanent=true to delete permanently"
            )
            raise RequestError(Code.VERSION_SOFT_DELETED, problem)
        _require_unread(call, snapshot, subject, [found])
        _delete(registrar, snapshot, subject, [found], permanent=permanent)
        return found.version

    return _changed(call, act)


def delete_subject(call: Call) -> Any:
    """Hide all versions of a subject; with `permanent`, take them away for good."""
    subject, permanent = call.subject, flag_in(call.query, "permanent")

    def act(registrar: Registrar, snapshot: Snapshot) -> list[int]:
        found = list(snapshot.versions(subject, deleted=True))
        active = [version for version in found if version.is_active]
        if not found:
            raise subject_not_found(subject)
        if active and permanent:
            problem = f"Subject '{subject}' was not deleted first before being permanently deleted"
            raise RequestError(Code.SUBJECT_NOT_SOFT_DELETED, problem)
        if not active and not permanent:
            problem = f"Subject '{subject}' was soft deleted.Set permanent=true to delete permanently"
            raise RequestError(Code.SUBJECT_SOFT_DELETED, problem)
        chosen = found if permanent else active
        _require_unread(call, snapshot, subject, active)
        _delete(registrar, snapshot, subject, chosen, permanent=permanent)
        return answers.numbers(chosen)

    return _changed(call, act)


def _require_unread(call: Call, snapshot: Snapshot, subject: str, versions: Sequence[Version]) -> None:
    """Refuse to take away what a declared stream is read with: it would stand still, or lose columns."""
    stream = subject.removesuffix("-value")
    published = [v for v in snapshot.versions(subject) if v.state is VersionState.PUBLISHED]
    if stream in call.registry.declared.streams and subject != stream and published and published[-1] in versions:
        problem = f"stream {stream} is read with version {published[-1].version} of {subject}; publish another first"
        raise RequestError(Code.NOT_PERMITTED, problem)


def _changed(call: Call, act: Any) -> Any:
    """Decide on the registry as it is once nobody else can change it."""
    return call.registry.change(lambda registrar: registrar.decide(lambda snapshot: act(registrar, snapshot)))


def _delete(
    registrar: Registrar, snapshot: Snapshot, subject: str, versions: Sequence[Version], *, permanent: bool
) -> None:
    require_writable(snapshot, subject)
    for each in versions:
        for other in snapshot.referring_to(each):
            if other.subject != subject:
                where = f"{other.subject} version {other.version}"
                problem = f"One or more references exist to the schema {subject} version {each.version}: {where}"
                raise RequestError(Code.REFERENCE_EXISTS, problem)
    registrar.set_states(subject, versions, VersionState.REMOVED if permanent else VersionState.DELETED)


def _published_already(snapshot: Snapshot, subject: str, call: Call) -> Version | None:
    """The version that holds this schema, without waiting for Postgres; None where anything is in doubt."""
    draft = draft_in(subject, call.content, normal=flag_in(call.query, "normalize"))
    try:
        require_writable(snapshot, subject)
        return held(snapshot, subject, propose(draft, snapshot.text_of))
    except PlatformError:
        return None  # what is wrong with it is said by who decides


def _as_registered(version: Version) -> dict[str, Any]:
    return answers.about_version(version, Snapshot())


def _version(call: Call) -> Version:
    return answers.version_of(call.snapshot, call.subject, call.version, deleted=flag_in(call.query, "deleted"))


NO_SUBJECT = (Code.SUBJECT_NOT_FOUND, Code.INVALID_SUBJECT)
NO_VERSION = (*NO_SUBJECT, Code.VERSION_NOT_FOUND, Code.INVALID_VERSION)
CHANGED = (Code.NOT_PERMITTED, Code.STORE_FAILED)
PAGE = ("offset", "limit")
VERSIONS, VERSION = "/subjects/{subject}/versions", "/subjects/{subject}/versions/{version}"
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/subjects",
        answer=names,
        summary="The subjects' names",
        query=("subjectPrefix", "deleted", "deletedOnly", *PAGE),
    ),
    Endpoint(
        method="POST",
        path="/subjects/{subject}",
        answer=look_up,
        summary="The version of a subject that is a schema",
        query=("normalize", "deleted", "format"),
        codes=(*NO_SUBJECT, Code.SCHEMA_NOT_FOUND, Code.INVALID_SCHEMA),
        takes_time=True,
    ),
    Endpoint(
        method="DELETE",
        path="/subjects/{subject}",
        answer=delete_subject,
        summary="Delete a subject",
        action=Action.DELETE_SCHEMA,
        query=("permanent",),
        codes=(
            *NO_SUBJECT,
            Code.SUBJECT_SOFT_DELETED,
            Code.SUBJECT_NOT_SOFT_DELETED,
            Code.REFERENCE_EXISTS,
            *CHANGED,
        ),
        takes_time=True,
    ),
    Endpoint(
        method="GET",
        path=VERSIONS,
        answer=numbers,
        summary="The numbers of a subject's versions",
        query=("deleted", "deletedOnly", *PAGE),
        codes=NO_SUBJECT,
    ),
    Endpoint(
        method="POST",
        path=VERSIONS,
        answer=register,
        summary="Register a schema as the next version",
        action=Action.REGISTER_SCHEMA,
        is_known=is_published,
        query=("normalize",),
        codes=(
            Code.INVALID_SUBJECT,
            Code.INVALID_SCHEMA,
            Code.INVALID_RULES,
            Code.INCOMPATIBLE,
            Code.TOO_LARGE,
            *CHANGED,
        ),
        takes_time=True,
    ),
    Endpoint(
        method="GET",
        path=VERSION,
        answer=version,
        summary="A version with its schema",
        query=("deleted", "format"),
        codes=NO_VERSION,
    ),
    Endpoint(
        method="DELETE",
        path=VERSION,
        answer=delete_version,
        summary="Delete a version",
        action=Action.DELETE_SCHEMA,
        query=("permanent",),
        codes=(*NO_VERSION, Code.VERSION_SOFT_DELETED, Code.VERSION_NOT_SOFT_DELETED, Code.REFERENCE_EXISTS, *CHANGED),
        takes_time=True,
    ),
    Endpoint(
        method="GET",
        path=f"{VERSION}/schema",
        answer=body,
        summary="A version's schema and nothing else",
        query=("deleted", "format"),
        codes=NO_VERSION,
    ),
    Endpoint(
        method="GET",
        path=f"{VERSION}/referencedby",
        answer=referenced_by,
        summary="The ids that refer to a version",
        query=("deleted", *PAGE),
        codes=NO_VERSION,
    ),
)
