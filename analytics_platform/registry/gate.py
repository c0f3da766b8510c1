"""What must hold of schemas/ before it is merged, without a database: nothing published was changed by hand.

Reads the folder, and git where older ids are to be compared with.
"""

from pathlib import Path

from analytics_platform.errors import DeclarationError, PlatformError
from analytics_platform.registry.folder import SUBJECT_FILE, known_schemas, read_text
from analytics_platform.registry.git import Repository
from analytics_platform.registry.lock import LOCK, LockEntry, parse_lock, unsealed
from analytics_platform.registry.subject_file import parse_subject
from analytics_platform.registry.subjects import Kind

Place = tuple[str, int]


def gate(schema_dir: Path, against: str | None = None) -> list[str]:
    """What is wrong, each with its remedy; `against` is a commit whose ids must still be what they were."""
    try:
        entries = parse_lock(read_text(schema_dir, LOCK), LOCK)
        known_schemas(schema_dir)
        for file in sorted(schema_dir.glob(f"*/{SUBJECT_FILE}")):
            name = f"{file.parent.name}/{SUBJECT_FILE}"
            for kind in Kind:
                parse_subject(read_text(schema_dir, name), name, kind)
    except PlatformError as error:
        return [str(error)]
    by_hand = [
        f"{entry.where}: {entry.subject} version {entry.version} was written by hand; restore the line from git, "
        "or delete it and run `ap schema sync`"
        for entry in unsealed(entries)
    ]
    return by_hand + (_changed(schema_dir, against, entries) if against else [])


def _changed(schema_dir: Path, against: str, entries: list[LockEntry]) -> list[str]:
    """Entries of an earlier lock that are no longer there, or say something else."""
    repository = Repository.of(schema_dir)
    if repository is None:
        raise DeclarationError(str(schema_dir), "is in no git repository", "leave out --against")
    before = repository.text_at(against, LOCK)
    now = {(entry.subject, entry.version): entry for entry in entries}
    found = []
    for old in parse_lock(before, f"{LOCK} at {against}") if before else []:
        new = now.get((old.subject, old.version))
        if new is None or (new.id, new.guid, new.sha256) != (old.id, old.guid, old.sha256):
            said = f"id {new.id}" if new else "nothing"
            found.append(
                f"{LOCK}: {old.subject} version {old.version} is id {old.id} at {against}, and {said} here; "
                "ids are given once: restore its line and its file"
            )
    return found
