"""Which number a text gets as a version: that of a file that it is already, else the next. Touches Postgres, files."""

from pathlib import Path

import psycopg

from analytics_platform.errors import DeclarationError
from analytics_platform.registry import store
from analytics_platform.registry.folder import read_lock, read_text
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.schema import digest_of
from analytics_platform.registry.subject_file import parse_subject
from analytics_platform.registry.subjects import SUFFIXES, home_of
from analytics_platform.registry.texts import Draft, Proposed, identity_text


def number_for(connection: psycopg.Connection, folder: Path, subject: str, proposed: Proposed) -> int:
    """The version that the text would be."""
    highest = store.highest_version(connection, subject)
    same = [number for number, draft in waiting(folder, subject).items() if _digest(draft) == proposed.sha256]
    later = [number for number in same if number > highest]
    return min(later) if later else 1 + max(highest, _highest_file(folder, subject))


def waiting(folder: Path, subject: str) -> dict[int, Draft]:
    """The versions of a subject that lie in the folder and have no id yet, by number.

    Raises DeclarationError for a file that cannot be read.
    """
    home = home_of(subject)
    if not (folder / home.subject_file).exists():
        return {}
    file = parse_subject(read_text(folder, home.subject_file), home.subject_file, home.kind)
    locked = {entry.version for entry in read_lock(folder) if entry.subject == subject}
    gone = (VersionState.ARCHIVED, VersionState.DELETED, VersionState.REMOVED)
    found = {}
    for number, note in sorted(file.versions.items()):
        for format_ in SUFFIXES if number not in locked and note.state not in gone else ():
            path = home.path(number, format_)
            if (folder / path).exists():
                body = read_text(folder, path)
                found[number] = Draft(subject=subject, format=format_, body=body, references=note.references)
    return found


def _digest(draft: Draft) -> str | None:
    try:
        return digest_of(identity_text(draft.body, draft.references))
    except DeclarationError:
        return None  # no JSON: whoever publishes it will say what is wrong


def _highest_file(folder: Path, subject: str) -> int:
    """The highest version that lies in the folder, drafts included."""
    home = home_of(subject)
    files = (folder / home.folder / home.kind).glob("*")
    return max((int(f.stem) for f in files if f.stem.isdecimal() and f.suffix in SUFFIXES.values()), default=0)
