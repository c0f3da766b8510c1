"""A text that somebody proposes as a schema, and what makes it the same as another. Pure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from analytics_platform.errors import DeclarationError, InvalidSchemaError
from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.compatibility import Reference as Referred
from analytics_platform.registry.compatibility import SchemaText, normalize, require_valid
from analytics_platform.registry.references import inlined
from analytics_platform.registry.schema import digest_of, guid_of
from analytics_platform.registry.snapshot import Reference, Text

DEEPEST = 32  # references of references
Find = Callable[[Reference], Text | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody wants to be a version of a subject; `normal` asks for its normal form instead of the text."""

    subject: str
    format: SchemaFormat
    body: str
    references: tuple[Reference, ...] = ()
    normal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A valid schema. Equal ones have equal digests: white space and the order of keys do not count, references do."""

    schema: SchemaText
    body: str
    references: tuple[Reference, ...]
    sha256: str
    guid: UUID
    normal: bool = False  # whether versions of the same normal form are the same

    @property
    def format(self) -> SchemaFormat:
        """The language it is written in."""
        return self.schema.format

    def whole(self, find: Find) -> str:
        """Its text with what it refers to put in."""
        return _whole(self.body, self.format, self.references, find)


def propose(draft: Draft, find: Find, where: str = "the schema") -> Proposed:
    """The schema; raises InvalidSchemaError or DeclarationError, which names `where`."""
    schema = _schema_text(draft.body, draft.format, draft.references, find)
    _parsed(draft.body, where)
    require_valid(schema)
    body = compact(normalize(schema) if draft.normal else draft.body, where)
    identity = identity_text(body, draft.references, where)
    return Proposed(
        schema=schema,
        body=body,
        references=draft.references,
        sha256=digest_of(identity),
        guid=guid_of(identity),
        normal=draft.normal,
    )


def schema_text(text: Text, find: Find) -> SchemaText:
    """A registered schema with the schemas that it refers to, as verdicts want it."""
    return _schema_text(text.body, text.format, text.references, find)


def _schema_text(
    body: str, format_: SchemaFormat, references: Sequence[Reference], find: Find, depth: int = 0
) -> SchemaText:
    if depth > DEEPEST:
        raise InvalidSchemaError("", f"refers to others {DEEPEST} levels deep", "refer to fewer")
    found = []
    for reference in references:
        text = find(reference)
        if text is None:
            problem = f"refers to {reference.subject} version {reference.version}, which does not exist"
            raise InvalidSchemaError("", problem, "register that first")
        inner = _schema_text(text.body, text.format, text.references, find, depth + 1)
        found.append(Referred(name=reference.name, schema=inner))
    return SchemaText(format=format_, text=body, references=tuple(found))


def compact(body: str, where: str = "schema") -> str:
    """The text on one line, in its own order of keys: how the registry keeps and hands out a schema."""
    return json.dumps(_parsed(body, where), separators=(",", ":"), ensure_ascii=False)


def readable(body: str) -> str:
    """The text as it is written into git, for people to review."""
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False) + "\n"


def identity_text(body: str, references: Sequence[Reference], where: str = "schema") -> str:
    """What a schema's digest and GUID are over: its canonical form, and its references if it has any."""
    canonical = json.dumps(_parsed(body, where), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return canonical + _suffix(references)


def whole_text(text: Text, find: Find) -> str:
    """A registered schema with what it refers to put in, so that it can be read by itself."""
    return _whole(text.body, text.format, text.references, find)


def _whole(body: str, format_: SchemaFormat, references: Sequence[Reference], find: Find) -> str:
    referred = {r.name: found for r in references if (found := find(r)) is not None}
    return inlined(body, format_, {name: whole_text(other, find) for name, other in referred.items()})


def _parsed(body: str, where: str) -> Any:
    try:
        body.encode()
        source = json.loads(body, parse_constant=_refuse)
        json.dumps(source, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"{where}, line {error.lineno}, column {error.colno}"
        raise DeclarationError(place, f"is no JSON: {error.msg}", "mend the text") from error
    except UnicodeEncodeError as error:
        raise DeclarationError(where, "holds half a character (a lone surrogate)", "write it as UTF-8") from error
    except RecursionError as error:
        raise DeclarationError(where, "is nested too deeply to be read", "nest less") from error
    except ValueError as error:
        raise DeclarationError(where, f"is no JSON: {error}", "mend the text") from error
    return source


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON's")


def _suffix(references: Sequence[Reference]) -> str:
    """What references add to a schema's identity; nothing where there are none."""
    if not references:
        return ""
    return "\n" + json.dumps([[r.name, r.subject, r.version] for r in sorted(references)], separators=(",", ":"))
