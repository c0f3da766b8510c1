"""Git and Postgres brought together: neither takes an id back, and a restore of either has the higher of both.

Git decides what a version's state is and what holds for a subject; Postgres decides which id a text has. Touches both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from analytics_platform.errors import DeclarationError, PlatformError, RegistryError, SchemaConflictError
from analytics_platform.registry import store
from analytics_platform.registry.compatibility import SchemaText
from analytics_platform.registry.folder import (
    FORMATS,
    SUBJECT_FILE,
    read_lock,
    read_text,
    text_if_there,
    version_files,
    write_text,
)
from analytics_platform.registry.git import Edit, apply
from analytics_platform.registry.lock import LOCK, LockEntry, VersionState, with_entries
from analytics_platform.registry.publish import GLOBAL_FILE, Judge, version_edits
from analytics_platform.registry.schema import digest_of
from analytics_platform.registry.snapshot import EVERYWHERE, Setting, Snapshot
from analytics_platform.registry.subject_file import SubjectFile, global_setting, parse_subject
from analytics_platform.registry.subjects import Home, Kind, home_of
from analytics_platform.registry.texts import Draft, Proposed, compact, identity_text, propose

MEND_LOCK = "delete the line that the main branch does not have, then `ap schema sync` gives its version a free id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What lies in the folder of schemas: the lock, and by subject what its file says of it."""

    place: Path
    locked: Mapping[tuple[str, int], LockEntry]
    subjects: Mapping[str, SubjectFile]
    unreadable: Mapping[str, PlatformError]

    def draft(self, subject: str, number: int, path: str) -> Draft:
        """A version as it lies there, in the registry's form."""
        note = self.subjects[subject].versions.get(number) if subject in self.subjects else None
        return Draft(
            subject=subject,
            format=FORMATS[Path(path).suffix],
            body=compact(read_text(self.place, path), path),
            references=note.references if note else (),
        )

    def state(self, subject: str, number: int) -> VersionState | None:
        """What the folder says of a version; None if nothing."""
        file = self.subjects.get(subject)
        note = file.versions.get(number) if file else None
        return note.state if note else None

    def settings(self) -> dict[str, Setting]:
        """By subject what the folder says of it, and what holds for all others; raises DeclarationError."""
        said = {subject: file.setting for subject, file in self.subjects.items()}
        return {**said, EVERYWHERE: global_setting(text_if_there(self.place, GLOBAL_FILE), GLOBAL_FILE)}


def read_folder(place: Path) -> Folder:
    """Everything in the folder; raises DeclarationError for a lock that cannot be read."""
    lock = read_lock(place)
    subjects: dict[str, SubjectFile] = {}
    unreadable: dict[str, PlatformError] = {}
    for file in sorted(place.glob(f"*/{SUBJECT_FILE}")):
        for home in (Home(file.parent.name, kind) for kind in Kind):
            try:
                found = parse_subject(read_text(place, home.subject_file), home.subject_file, home.kind)
            except DeclarationError as error:
                unreadable[home.subject] = error
                continue
            if found.versions or found.setting != Setting():
                subjects[home.subject] = found
    return Folder(
        place=place,
        locked={(entry.subject, entry.version): entry for entry in lock},
        subjects=subjects,
        unreadable=unreadable,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What adopting did: how many versions were new to Postgres, and by subject why it was left as it was."""

    new: int
    problems: Mapping[str, PlatformError]


def adopt(connection: psycopg.Connection, place: Path) -> Adopted:
    """Bring Postgres up to what git says, each subject by itself; one that does not fit is left as it was.

    Raises DeclarationError for a lock that cannot be read.
    """
    folder = read_folder(place)
    new, problems = 0, dict(folder.unreadable)
    with store.publishing(connection):
        snapshot = store.read_snapshot(connection)
        for subject in sorted({subject for subject, _ in folder.locked}):
            try:
                with connection.transaction():
                    new += _adopt_subject(connection, subject, folder, snapshot)
            except (DeclarationError, RegistryError) as error:
                problems.setdefault(subject, error)
        _adopt_settings(connection, folder, snapshot)
    return Adopted(new=new, problems=problems)


def _adopt_subject(connection: psycopg.Connection, subject: str, folder: Folder, snapshot: Snapshot) -> int:
    entries = sorted((e for e in folder.locked.values() if e.subject == subject), key=lambda entry: entry.version)
    new = [_adopt(connection, entry, folder) for entry in entries]
    for entry in entries:
        _adopt_state(connection, entry, folder, snapshot)
    return sum(new)


def _adopt(connection: psycopg.Connection, entry: LockEntry, folder: Folder) -> bool:
    """Make Postgres know an entry of the lock; whether the version is new to it."""
    draft = folder.draft(entry.subject, entry.version, entry.path)
    identity = identity_text(draft.body, draft.references, entry.path)
    if digest_of(identity) != entry.sha256:
        problem = f"is not the text that got id {entry.id} ({entry.where})"
        remedy = f"restore it from git, and add the change as version {entry.version + 1}"
        raise DeclarationError(entry.path, problem, remedy)
    there = store.find_text(connection, entry.sha256)
    if there is None:
        if store.has_id(connection, entry.id):
            raise SchemaConflictError(entry.where, f"id {entry.id} is another schema's in Postgres", MEND_LOCK)
        store.insert_text(connection, entry.id, _as_locked(entry, draft))
    elif there != entry.id:
        problem = f"{entry.path} has id {there} in Postgres, not {entry.id}"
        raise SchemaConflictError(entry.where, problem, MEND_LOCK)
    known = store.id_of_version(connection, entry.subject, entry.version)
    if known is None:
        store.insert_version(connection, entry.subject, entry.version, entry.id)
    elif known != entry.id:
        problem = f"{entry.subject} version {entry.version} has id {known} in Postgres, not {entry.id}"
        raise SchemaConflictError(entry.where, problem, "give this schema the next version, and delete this line")
    return known is None


def _as_locked(entry: LockEntry, draft: Draft) -> Proposed:
    return Proposed(
        schema=SchemaText(format=draft.format, text=draft.body),
        body=draft.body,
        references=draft.references,
        sha256=entry.sha256,
        guid=entry.guid,
    )


def _adopt_state(connection: psycopg.Connection, entry: LockEntry, folder: Folder, snapshot: Snapshot) -> None:
    state = folder.state(entry.subject, entry.version)
    if state is None or state is VersionState.DRAFT:
        problem = f"{entry.path} has an id, and its subject.yaml says {state or 'nothing'} of it"
        raise DeclarationError(entry.where, problem, f"write `{entry.version}: {{state: published}}`, or deprecated")
    known = [*snapshot.versions(entry.subject, deleted=True), *snapshot.removed.get(entry.subject, ())]
    if not any((v.version, v.state) == (entry.version, state) for v in known):
        store.set_state(connection, entry.subject, entry.version, state)


def _adopt_settings(connection: psycopg.Connection, folder: Folder, snapshot: Snapshot) -> None:
    for subject, setting in folder.settings().items():
        if setting != snapshot.settings.get(subject, Setting()):
            store.set_setting(connection, subject, setting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a sync did: versions that got an id, and by path the files that Postgres knew better, before and after."""

    allotted: tuple[LockEntry, ...]
    restored: Mapping[str, tuple[str | None, str]]


def sync(
    connection: psycopg.Connection, place: Path, judge: Judge, wanted: Mapping[tuple[str, int], int] | None = None
) -> Synced:
    """Give every published version without an id one, and write into the folder what only Postgres knows.

    `wanted` are ids that data is written in already, by subject and version. Raises what `adopt` and `judge` raise.
    """
    _require_adopted(connection, place)
    folder = read_folder(place)
    with store.publishing(connection):
        restored = apply(place, _missing(connection, folder))
        for path, (_, text) in restored.items():
            write_text(place, path, text)
        allotted = tuple(
            _allot(connection, version, folder, judge, (wanted or {}).get((version.subject, version.number)))
            for version in _without_id(folder)
        )
    return Synced(allotted=allotted, restored=restored)


def _require_adopted(connection: psycopg.Connection, place: Path) -> None:
    for problem in adopt(connection, place).problems.values():
        raise problem


def unsynced(connection: psycopg.Connection, place: Path) -> list[str]:
    """What a sync would do, in words; changes nothing in the folder."""
    _require_adopted(connection, place)
    folder = read_folder(place)
    missing = [f"{path} lacks what Postgres has" for path in apply(place, _missing(connection, folder))]
    return missing + [f"{version.path} is published and has no id" for version in _without_id(folder)]


@dataclass(frozen=True, slots=True)
class _Unlocked:
    """A published version that the lock does not have."""

    subject: str
    number: int
    path: str


def _without_id(folder: Folder) -> list[_Unlocked]:
    """By subject, the lowest version first."""
    found = []
    for subject, file in folder.subjects.items():
        home = home_of(subject)
        paths = version_files(folder.place, f"{home.folder}/{home.kind}")
        for number, note in sorted(file.versions.items()):
            if note.state is VersionState.DRAFT or (subject, number) in folder.locked:
                continue
            if number not in paths:
                problem = f"names {home.kind} version {number}, which has no file"
                raise DeclarationError(home.subject_file, problem, "restore it from git")
            found.append(_Unlocked(subject, number, paths[number]))
    return found


def _missing(connection: psycopg.Connection, folder: Folder) -> dict[str, Edit]:
    """What Postgres has and the folder has not, as edits of its files."""
    edits: dict[str, list[Edit]] = {}
    snapshot = store.read_snapshot(connection)
    gone = [version for versions in snapshot.removed.values() for version in versions]
    seen = [(v.subject, v.version, v.text, v.state) for v in (*snapshot.every_version(), *gone)]
    waiting = [(*each, VersionState.PUBLISHED) for each in store.pending(connection)]
    for subject, number, text, state in (*seen, *waiting):
        if (subject, number) not in folder.locked:
            for path, edit in version_edits(subject, number, text, state).items():
                edits.setdefault(path, []).append(edit)
    return {path: _one_after_another(some) for path, some in edits.items()}


def _one_after_another(edits: list[Edit]) -> Edit:
    def edit(text: str | None) -> str:
        for each in edits:
            text = each(text)
        return text or ""

    return edit


def _allot(
    connection: psycopg.Connection, version: _Unlocked, folder: Folder, judge: Judge, wanted: int | None
) -> LockEntry:
    """Judge the version, give it its id, write its line, and only then let it be seen."""
    snapshot = store.read_snapshot(connection)
    draft = folder.draft(version.subject, version.number, version.path)
    proposed = propose(draft, snapshot.text_of, version.path)
    judge(snapshot, version.subject, proposed)
    above = max((entry.id for entry in folder.locked.values()), default=0)
    if wanted is not None and store.find_text(connection, proposed.sha256) is None:
        if store.has_id(connection, wanted):
            raise SchemaConflictError(version.path, f"id {wanted} is another schema's already", "leave out --id")
        above = wanted - 1
        store.insert_text(connection, wanted, proposed)
    text = store.allot(connection, version.subject, version.number, proposed, above=above)
    entry = LockEntry(
        subject=version.subject,
        version=version.number,
        id=text.id,
        guid=text.guid,
        sha256=text.sha256,
        path=version.path,
    )
    lock = text_if_there(folder.place, LOCK)
    write_text(folder.place, LOCK, with_entries(lock, [entry]))
    state = folder.state(version.subject, version.number) or VersionState.PUBLISHED
    store.set_state(connection, version.subject, version.number, state)
    return entry
