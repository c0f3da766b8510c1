"""The versions of a stream's schema as they lie in git, with what subject.yaml says of them, drafts too.

Touches the file system, and only reads; ids are of no concern here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import SchemaFormat
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import Reference, SchemaText
from analytics_platform.registry.lock import VersionState, parse_mapping, version_states
from analytics_platform.registry.subject import Decision, SubjectVersions, VersionText

FORMATS = {".avsc": SchemaFormat.AVRO, ".json": SchemaFormat.JSON}
SUBJECT_FILE = "subject.yaml"
VALUE = "value"
JUDGED = (VersionState.DRAFT, VersionState.PUBLISHED, VersionState.DEPRECATED)  # what is gone binds nobody
REFERENCE_FORM = "give each reference its name, subject and version"


def streams_in(schema_dir: Path) -> list[str]:
    """Every folder of schemas of values, by name."""
    return sorted(path.parent.name for path in schema_dir.glob(f"*/{SUBJECT_FILE}") if (path.parent / VALUE).is_dir())


def read_versions(schema_dir: Path, stream: str) -> SubjectVersions:
    """The versions of a stream's values; raises DeclarationError for what cannot be read."""
    where = f"{stream}/{SUBJECT_FILE}"
    text = _read(schema_dir / where, where)
    content = parse_mapping(text, where)
    states = version_states(content, where)
    found = []
    for number in sorted(number for number, state in states.items() if state in JUDGED):
        path = _file(schema_dir, stream, number)
        schema = _schema(schema_dir, path, content["versions"][number], where)
        found.append(VersionText(number=number, state=states[number], path=path, schema=schema))
    return SubjectVersions(
        stream=stream,
        owner=str(content.get("owner", "")),
        level=_level(content.get("compatibility", Compatibility.BACKWARD), where),
        versions=tuple(found),
        decided=_decided(content.get("fields", {}), where),
        about=_about(content.get("subject", ""), where),
    )


def text_of(path: Path) -> SchemaText:
    """A schema from a file anywhere, without references."""
    if path.suffix not in FORMATS:
        raise DeclarationError(str(path), "says no format", f"name it …{' or …'.join(FORMATS)}")
    return SchemaText(format=FORMATS[path.suffix], text=_read(path, str(path)))


def _schema(schema_dir: Path, path: str, about: Any, where: str) -> SchemaText:
    listed = about.get("references", []) if isinstance(about, Mapping) else []
    text = _read(schema_dir / path, path)
    references = tuple(_reference(schema_dir, each, where) for each in listed)
    return SchemaText(format=FORMATS[Path(path).suffix], text=text, references=references)


def _reference(schema_dir: Path, about: Any, where: str) -> Reference:
    try:
        name, subject, number = str(about["name"]), str(about["subject"]), int(about["version"])
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise DeclarationError(where, f"{about!r} is no reference", REFERENCE_FORM) from error
    stream = subject.removesuffix(f"-{VALUE}")
    there = f"{stream}/{SUBJECT_FILE}"
    content = parse_mapping(_read(schema_dir / there, there), there)
    version_states(content, there)
    about_it = content["versions"].get(number, {})
    return Reference(name=name, schema=_schema(schema_dir, _file(schema_dir, stream, number), about_it, there))


def _file(schema_dir: Path, stream: str, number: int) -> str:
    for suffix in FORMATS:
        path = f"{stream}/{VALUE}/{number}{suffix}"
        if (schema_dir / path).exists():
            return path
    raise DeclarationError(f"{stream}/{VALUE}", f"version {number} has no file", "restore it from git")


def _level(found: Any, where: str) -> Compatibility:
    if found not in list(Compatibility):
        raise DeclarationError(where, f"compatibility is {found!r}", f"write one of {', '.join(Compatibility)}")
    return Compatibility(found)


def _about(found: Any, where: str) -> str:
    if not isinstance(found, str):
        raise DeclarationError(where, f"subject is {found!r}", "name the field that says whom a record is about")
    return found


def _decided(found: Any, where: str) -> dict[str, Decision]:
    form = "write `fields:` with lines like `price: {pii: none, unit: US cents}`"
    if not isinstance(found, Mapping) or not all(isinstance(about, Mapping) for about in found.values()):
        raise DeclarationError(where, "fields are no mapping of mappings", form)
    for path, about in found.items():
        if unknown := sorted(set(about) - {"pii", "unit"}):
            raise DeclarationError(where, f"field {path} says {', '.join(map(str, unknown))}", form)
    return {
        str(path): Decision(pii=str(about.get("pii", "")), unit=str(about.get("unit", "")))
        for path, about in found.items()
    }


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(name, f"cannot be read: {error}", "add it, or set AP_SCHEMA_DIR") from error
