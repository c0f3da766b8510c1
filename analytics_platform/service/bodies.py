"""What clients send, as typed values; anything that is not what it should be is a RequestError. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from analytics_platform.facts import SchemaFormat
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import format_named
from analytics_platform.registry.snapshot import Mode, Reference
from analytics_platform.registry.subjects import unfit
from analytics_platform.registry.texts import Draft
from analytics_platform.service.errors import Code, RequestError

LARGEST = 1_000_000  # bytes of a body; Kafka's own default for a record, which is where Confluent keeps schemas
HIGHEST = 2**31 - 1
LONGEST_TEXT = 2_000  # letters of what somebody says for themselves
UNSUPPORTED = ("metadata", "ruleSet", "ruleset", "schemaTagsToAdd", "schemaTagsToRemove", "rulesToMerge")
SETTINGS_UNSUPPORTED = (
    "alias",
    "compatibilityGroup",
    "compatibilityPolicy",
    "defaultMetadata",
    "overrideMetadata",
    "defaultRuleSet",
    "overrideRuleSet",
    "validateFields",
    "validateRules",
    "normalize",
)


def subject_in(segment: str) -> str:
    """A subject's name from its percent-encoded path segment."""
    subject = _decoded(segment, Code.INVALID_SUBJECT)
    if problem := unfit(subject):
        raise RequestError(Code.INVALID_SUBJECT, f"The specified subject '{_shown(subject)}' {problem}.")
    return subject


def version_in(segment: str) -> int | None:
    """A version's number; None stands for the latest."""
    text = _decoded(segment, Code.INVALID_VERSION)
    if text in ("latest", "-1"):
        return None
    number = _integer(text)
    if number is None or not 1 <= number <= HIGHEST:
        allowed = 'between [1, 2^31-1] and the string "latest"'
        problem = f"The specified version '{_shown(text)}' is not a valid version id. Allowed values are {allowed}"
        raise RequestError(Code.INVALID_VERSION, problem)
    return number


def id_in(segment: str) -> int:
    """A schema's id; one that can be none is found nowhere."""
    number = _integer(_decoded(segment, Code.NOT_FOUND))
    if number is None:
        raise RequestError(Code.NOT_FOUND, "HTTP 404 Not Found: a schema's id is a number")
    return number


def flag_in(query: Mapping[str, str], name: str) -> bool:
    """A yes or no of the query; clients write `true` and Python's `True`."""
    return query.get(name, "").lower() == "true"


def page_in(query: Mapping[str, str]) -> slice:
    """Which part of a list is wanted: `offset` and `limit`, of which less than nothing is everything."""
    offset, limit = (_number(query, name, default) for name, default in (("offset", 0), ("limit", -1)))
    offset = max(0, offset)
    return slice(offset, None if limit < 0 else offset + limit)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    if name not in query:
        return default
    found = _integer(query[name])
    if found is None:
        raise RequestError(Code.BAD_REQUEST, f"{name} is no number; leave it out or write one")
    return found


def object_in(body: bytes) -> Mapping[str, Any]:
    """The JSON object that a body is."""
    if len(body) > LARGEST:
        raise RequestError(Code.TOO_LARGE, f"The body has {len(body)} bytes; at most {LARGEST} are taken")
    try:
        found = json.loads(body.decode())
    except UnicodeDecodeError:
        raise RequestError(Code.BAD_REQUEST, "The body is not UTF-8") from None
    except RecursionError:
        raise RequestError(Code.BAD_REQUEST, "The body is nested too deeply") from None
    except ValueError as error:
        raise RequestError(Code.BAD_REQUEST, f"The body is no JSON: {error}") from None
    if not isinstance(found, Mapping):
        raise RequestError(Code.BAD_REQUEST, "The body is no JSON object")
    return found


def draft_in(subject: str, content: Mapping[str, Any], *, normal: bool = False) -> Draft:
    """What a client wants registered, looked up or compared."""
    for name in UNSUPPORTED:
        if content.get(name):
            raise RequestError(Code.INVALID_RULES, f"{name} is not supported: rules and tags are declared in git")
    text = content.get("schema")
    if not isinstance(text, str) or not text.strip():
        raise RequestError(Code.INVALID_SCHEMA, "Empty schema: write the schema as a string in `schema`")
    return Draft(
        subject=subject,
        format=_format(content.get("schemaType")),
        body=text,
        references=_references(content.get("references")),
        normal=normal,
    )


def _format(named: Any) -> SchemaFormat:
    if named is not None and not isinstance(named, str):
        raise RequestError(Code.INVALID_SCHEMA, "schemaType is no string")
    return format_named(_shown(named or ""))


def _references(listed: Any) -> tuple[Reference, ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise RequestError(Code.INVALID_SCHEMA, "references is no list")
    found = tuple(_reference(each) for each in listed)
    if len({reference.name for reference in found}) < len(found):
        raise RequestError(Code.INVALID_SCHEMA, "two references have one name")
    return found


def _reference(given: Any) -> Reference:
    wanted = {"name": str, "subject": str, "version": int}
    if not isinstance(given, Mapping) or any(
        not isinstance(given.get(key), kind) or isinstance(given.get(key), bool) for key, kind in wanted.items()
    ):
        raise RequestError(Code.INVALID_SCHEMA, "a reference has a name, a subject and the number of a version")
    return Reference(given["name"], given["subject"], given["version"])


def level_in(content: Mapping[str, Any]) -> Compatibility:
    """A compatibility level, and nothing that this registry does not do."""
    for name in SETTINGS_UNSUPPORTED:
        if content.get(name):
            raise RequestError(Code.INVALID_COMPATIBILITY, f"{name} is not supported by this registry")
    named = content.get("compatibility", content.get("compatibilityLevel"))
    if not isinstance(named, str) or named.upper() not in list(Compatibility):
        allowed = ", ".join(Compatibility)
        problem = f"Invalid compatibility level {_shown(str(named))}. Valid values are {allowed}"
        raise RequestError(Code.INVALID_COMPATIBILITY, problem)
    return Compatibility(named.upper())


def mode_in(content: Mapping[str, Any]) -> Mode:
    """A mode."""
    named = content.get("mode")
    if not isinstance(named, str) or named.upper() not in list(Mode):
        reason = " (ids are given here only: IMPORT would let a client choose them)" if named == "IMPORT" else ""
        problem = f"Invalid mode {_shown(str(named))}{reason}. Valid values are {', '.join(Mode)}"
        raise RequestError(Code.INVALID_MODE, problem)
    return Mode(named.upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteBody:
    """A vote as it is sent: on which exact change, on whose seat (None: the own one), and why."""

    approves: bool
    change: str
    seat: str | None = None
    why: str = ""


def vote_in(content: Mapping[str, Any]) -> VoteBody:
    """A vote; it must say on which change it is, so that nobody votes on what they have not seen."""
    said, change = content.get("vote"), content.get("change")
    if said not in ("approve", "reject"):
        raise RequestError(Code.BAD_REQUEST, "`vote` must be approve or reject")
    if not isinstance(change, str) or not change:
        raise RequestError(Code.BAD_REQUEST, "`change` must be what GET says it is: a vote is for an exact change")
    seat, why = content.get("seat"), content.get("why", "")
    if not (seat is None or isinstance(seat, str)) or not isinstance(why, str) or len(why) > LONGEST_TEXT:
        problem = f"`seat` must be a person's name, and `why` a text of at most {LONGEST_TEXT} letters"
        raise RequestError(Code.BAD_REQUEST, problem)
    return VoteBody(approves=said == "approve", change=_shown(change), seat=seat, why=why)


def _decoded(segment: str, code: Code) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise RequestError(code, "The path is not UTF-8 once it is percent-decoded") from None


def _integer(text: str) -> int | None:
    """A decimal number as clients write it: no spaces, no underscores, not longer than any that means something."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= len(str(HIGHEST)) + 1 else None


def _shown(text: str) -> str:
    """A client's text within a message: not longer than a line, and free of what a terminal or JSON may not take."""
    short = text if len(text) <= 100 else f"{text[:100]}…"
    return "".join(letter if letter.isprintable() else "?" for letter in short)
