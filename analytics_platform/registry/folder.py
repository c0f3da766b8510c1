"""Schemas as they lie in git: `<stream>/value/N.avsc|N.json`, `<stream>/subject.yaml` and `ids.lock`.

Touches the file system, and only reads. The files it names in errors are relative to the folder of schemas.
"""

from collections.abc import Mapping
from pathlib import Path

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.registry.lock import LOCK, LockEntry, VersionState, parse_lock, parse_states
from analytics_platform.registry.schema import canonical_text, digest_of, guid_of

FORMATS = {".avsc": SchemaFormat.AVRO, ".json": SchemaFormat.JSON}
SUBJECT_FILE = "subject.yaml"


def read_schemas(schema_dir: Path, stream: str) -> StreamSchemas:
    """Every version that may have written the stream's values; the reader is the highest published one.

    Raises DeclarationError for whatever does not fit together; it names the file, and the line where it can.
    """
    subject = f"{stream}-value"
    lock = parse_lock(read_text(schema_dir, LOCK), LOCK)
    locked = {entry.version: entry for entry in lock if entry.subject == subject}
    subject_file = f"{stream}/{SUBJECT_FILE}"
    states = parse_states(read_text(schema_dir, subject_file), subject_file)
    paths = version_files(schema_dir, f"{stream}/value")
    _require_same_versions(paths, states, locked, subject_file)
    schemas = {}
    for version in sorted(paths):
        if states[version] is not VersionState.DRAFT:
            schemas[version] = _schema(schema_dir, paths[version], locked.get(version), subject, version)
    published = [version for version in schemas if states[version] is VersionState.PUBLISHED]
    if not published:
        raise DeclarationError(subject_file, "no version is published", "set `state: published` for one")
    writers = {schema.id: schema for schema in schemas.values()}
    return StreamSchemas(stream=stream, reader=schemas[max(published)], writers=writers)


def is_draft(schema_dir: Path, stream: str) -> bool:
    """Whether every version of the stream's schema is a draft; False too where that cannot be told."""
    name = f"{stream}/{SUBJECT_FILE}"
    try:
        states = parse_states(read_text(schema_dir, name), name)
    except DeclarationError:
        return False  # whoever reads its schemas will say what is wrong
    return bool(states) and set(states.values()) == {VersionState.DRAFT}


def known_schemas(schema_dir: Path) -> dict[int, Schema]:
    """Every schema that has an id, by its id; empty before the first one has."""
    return {
        entry.id: _schema(schema_dir, entry.path, entry, entry.subject, entry.version)
        for entry in read_lock(schema_dir)
    }


def read_lock(schema_dir: Path) -> list[LockEntry]:
    """Every version that has an id; none before the first one has."""
    text = text_if_there(schema_dir, LOCK)
    return [] if text is None else parse_lock(text, LOCK)


def read_text(schema_dir: Path, name: str) -> str:
    """A file of the folder; raises DeclarationError if it cannot be read."""
    try:
        return (schema_dir / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DeclarationError(name, f"is not in {schema_dir}", "add it, or set AP_SCHEMA_DIR") from error
    except UnicodeDecodeError as error:
        raise DeclarationError(name, f"is not UTF-8 (byte {error.start})", "save it as UTF-8") from error
    except OSError as error:
        raise DeclarationError(name, f"cannot be read: {error.strerror}", "check its permissions") from error


def text_if_there(schema_dir: Path, name: str) -> str | None:
    """The same of a file that need not be there; None where it is not."""
    return read_text(schema_dir, name) if (schema_dir / name).exists() else None


def write_text(schema_dir: Path, name: str, text: str) -> None:
    """Put a text in a file's place, all of it or nothing."""
    place = schema_dir / name
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".{place.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(place)


def version_files(schema_dir: Path, folder: str) -> dict[int, str]:
    """The file of each version, relative to the folder of schemas."""
    if not (schema_dir / folder).is_dir():
        raise DeclarationError(folder, f"is not in {schema_dir}", "add the stream's first schema as 1.avsc or 1.json")
    found: dict[int, str] = {}
    for path in sorted((schema_dir / folder).iterdir()):
        name = f"{folder}/{path.name}"
        if not path.stem.isdecimal() or path.stem.startswith("0") or path.suffix not in FORMATS:
            raise DeclarationError(name, "is no version of a schema", "name it <number>.avsc or <number>.json")
        if int(path.stem) in found:
            raise DeclarationError(name, f"{found[int(path.stem)]} is this version too", "give it the next number")
        found[int(path.stem)] = name
    return found


def _require_same_versions(
    paths: Mapping[int, str],
    states: Mapping[int, VersionState],
    locked: Mapping[int, LockEntry],
    subject_file: str,
) -> None:
    for version, path in paths.items():
        if version not in states:
            raise DeclarationError(subject_file, f"says nothing of {path}", f"add `{version}: {{state: draft}}`")
    for version in states:
        if version not in paths:
            raise DeclarationError(subject_file, f"names version {version}, which has no file", "restore it from git")
    for version, entry in locked.items():
        if version not in paths:
            problem = f"{entry.subject} version {version} has no file"
            raise DeclarationError(entry.where, problem, f"restore {entry.path} from git: it has been written with")


def _schema(schema_dir: Path, path: str, entry: LockEntry | None, subject: str, version: int) -> Schema:
    """The version as locked; its text must still be the one that got the id."""
    text = read_text(schema_dir, path)
    format_ = FORMATS[Path(path).suffix]
    canonical = canonical_text(text, format_, path)
    digest, guid = digest_of(canonical), guid_of(canonical)
    if entry is None:
        remedy = f"`ap schema sync` gives it one; or make it a draft in {SUBJECT_FILE}"
        raise DeclarationError(LOCK, f"{path} has no id", remedy)
    if entry.sha256 != digest:
        problem = f"is not the text that got id {entry.id}: sha256 is {digest}, {entry.where} says {entry.sha256}"
        raise DeclarationError(path, problem, f"restore it from git, and add the change as version {version + 1}")
    if entry.guid != guid:
        raise DeclarationError(entry.where, f"{path} has guid {guid}, not {entry.guid}", f"write guid: {guid}")
    if entry.path != path:
        raise DeclarationError(entry.where, f"{entry.path} is not where the schema is", f"write path: {path}")
    return Schema(id=entry.id, guid=guid, subject=subject, version=version, format=format_, text=text)
