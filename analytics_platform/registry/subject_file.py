"""`subject.yaml`: whose a subject is, what new versions may do, how far each is; read, and edited in place. Pure.

    owner: team:auctions
    compatibility: BACKWARD
    versions:
      1: {state: deprecated, sunset: 2027-01-31}
      2: {state: published, references: [{name: Money, subject: money-value, version: 1}]}
    key:
      versions:
        1: {state: published}

What stands there by itself is said of the stream's values, `key:` of its keys, `schema:` of the subject that is named
like the folder. An edit keeps comments and whatever else stands there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Compatibility
from analytics_platform.registry.lock import VersionState, parse_mapping, version_states
from analytics_platform.registry.snapshot import Mode, Reference, Setting
from analytics_platform.registry.subjects import Kind

UNDECIDED = "team:undecided"  # the owner of a subject that a client made
WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionNote:
    """What is said of a version; `sunset` is the day after which producers should not write in it any more."""

    state: VersionState
    references: tuple[Reference, ...] = ()
    sunset: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFile:
    """What a folder says of one of its subjects."""

    owner: str
    setting: Setting
    versions: Mapping[int, VersionNote]


def parse_subject(text: str, where: str, kind: Kind = Kind.VALUE) -> SubjectFile:
    """What the file says of the subject of that kind; raises DeclarationError."""
    content = parse_mapping(text, where)
    section = content if kind is Kind.VALUE else content.get(str(kind)) or {}
    if not isinstance(section, Mapping):
        raise DeclarationError(where, f"{kind} is no mapping", f"write `{kind}:` with `versions:` below")
    if "versions" not in section:  # another kind's are there, or none yet
        section = {**section, "versions": {}}
    states = version_states(section, where)
    return SubjectFile(
        owner=str(content.get("owner", UNDECIDED)),
        setting=parse_setting(section, where),
        versions={
            number: VersionNote(
                state=state,
                references=_references(section["versions"][number], where),
                sunset=_sunset(section["versions"][number], where),
            )
            for number, state in states.items()
        },
    )


def parse_setting(content: Mapping[str, Any], where: str) -> Setting:
    """Level and mode, where a mapping says them."""
    level, mode = content.get("compatibility"), content.get("mode")
    if level is not None and level not in list(Compatibility):
        raise DeclarationError(where, f"compatibility is {level!r}", f"write one of {', '.join(Compatibility)}")
    if mode is not None and mode not in list(Mode):
        raise DeclarationError(where, f"mode is {mode!r}", f"write one of {', '.join(Mode)}")
    return Setting(compatibility=Compatibility(level) if level else None, mode=Mode(mode) if mode else None)


def with_version(text: str | None, kind: Kind, number: int, note: VersionNote) -> str:
    """The file, with that said of a version."""
    content = _read(text)
    versions = _inner(_section(content, kind), "versions")
    about = versions.get(number)
    if not isinstance(about, CommentedMap):
        about = versions[number] = CommentedMap()
        about.fa.set_flow_style()
    about["state"] = str(note.state)
    if note.sunset:
        about["sunset"] = note.sunset
    if note.references:
        listed = [{"name": r.name, "subject": r.subject, "version": r.version} for r in note.references]
        about["references"] = _flow(listed)
    return _written(content)


def with_setting(text: str | None, kind: Kind, setting: Setting) -> str:
    """The file, with those settings; what is None is left out."""
    content = _read(text)
    _set(_section(content, kind), setting)
    return _written(content)


def global_setting(text: str | None, where: str) -> Setting:
    """What `registry.yaml` says of every subject."""
    return parse_setting(parse_mapping(text, where), where) if text else Setting()


def with_global_setting(text: str | None, setting: Setting) -> str:
    """`registry.yaml` with those settings."""
    content = _read(text or "{}", owner=None)
    _set(content, setting)
    content.fa.set_block_style()
    return _written(content)


def _set(section: CommentedMap, setting: Setting) -> None:
    for name, value in (("compatibility", setting.compatibility), ("mode", setting.mode)):
        if value is not None:
            section[name] = str(value)
        elif name in section:
            del section[name]


def _references(about: Any, where: str) -> tuple[Reference, ...]:
    listed = about.get("references", []) if isinstance(about, Mapping) else []
    try:
        return tuple(Reference(str(each["name"]), str(each["subject"]), int(each["version"])) for each in listed)
    except (TypeError, KeyError, ValueError, OverflowError) as error:  # the last: a version without end
        raise DeclarationError(where, f"references {listed!r} are none", "give each name, subject, version") from error


def _sunset(about: Any, where: str) -> date | None:
    found = about.get("sunset") if isinstance(about, Mapping) else None
    if found is None:
        return None
    if isinstance(found, datetime) or not isinstance(found, date):
        raise DeclarationError(where, f"sunset is {found!r}", "write a day, as 2027-01-31")
    return found


def _section(content: CommentedMap, kind: Kind) -> CommentedMap:
    return content if kind is Kind.VALUE else _inner(content, str(kind))


def _inner(content: CommentedMap, name: str) -> CommentedMap:
    if not isinstance(content.get(name), CommentedMap):
        content[name] = CommentedMap()
    content[name].fa.set_block_style()  # an empty one was read in flow style
    return content[name]


def _flow(rows: Sequence[Mapping[str, Any]]) -> CommentedSeq:
    found = CommentedSeq([CommentedMap(row) for row in rows])
    found.fa.set_flow_style()
    return found


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    return yaml


def _read(text: str | None, owner: str | None = UNDECIDED) -> CommentedMap:
    content = _yaml().load(text) if text else None
    if isinstance(content, CommentedMap):
        return content
    return CommentedMap({"owner": owner} if owner else {})


def _written(content: CommentedMap) -> str:
    out = StringIO()
    _yaml().dump(content, out)
    return out.getvalue()
