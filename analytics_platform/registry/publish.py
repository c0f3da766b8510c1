"""Changing the registry: Postgres allots, git writes down, Postgres makes it visible. Touches both.

A version may be killed between any two steps: until git has it nobody has seen its id, and whoever changes the registry
next finishes it first. Other changes (states, settings) are written down in git before Postgres says them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import unified_diff
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg

from analytics_platform.errors import PatchedError
from analytics_platform.registry import store
from analytics_platform.registry.decide import held
from analytics_platform.registry.folder import read_lock
from analytics_platform.registry.git import REGISTRY, Author, Edit, Repository, apply
from analytics_platform.registry.lock import LOCK, LockEntry, VersionState, with_entries
from analytics_platform.registry.numbers import number_for
from analytics_platform.registry.snapshot import EVERYWHERE, Setting, Snapshot, Text, Version
from analytics_platform.registry.subject_file import VersionNote, with_global_setting, with_setting, with_version
from analytics_platform.registry.subjects import home_of
from analytics_platform.registry.texts import Draft, Proposed, propose, readable

GLOBAL_FILE = "registry.yaml"


class Step(StrEnum):
    """The places within a publish at which a test may kill the process."""

    LOCKED = "locked"  # nothing has happened
    ALLOTTED = "allotted"  # Postgres has the version, git does not
    COMMITTED = "committed"  # git has it too, nobody sees it
    VISIBLE = "visible"  # done, and not answered


Judge = Callable[[Snapshot, str, Proposed], None]  # raises IncompatibleError or ForbiddenError


def _nothing(_: Step) -> None:
    """No test is watching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrar:
    """Whoever changes the registry: over a connection of its own, and the folder of schemas.

    Without a repository, changes go into `patches` and are refused.
    """

    connection: psycopg.Connection
    folder: Path
    repository: Repository | None
    patches: Path
    reached: Callable[[Step], None] = _nothing

    def publish(self, draft: Draft, judge: Judge) -> Version:
        """Publish a version, or return the one that the subject has of this schema already.

        Raises DeclarationError for what is no schema, what `judge` raises, PatchedError and GitError.
        """
        with store.publishing(self.connection):
            self.reached(Step.LOCKED)
            self.finish()
            snapshot = store.read_snapshot(self.connection)
            proposed = propose(draft, snapshot.text_of)
            judge(snapshot, draft.subject, proposed)
            if found := held(snapshot, draft.subject, proposed):
                return found
            number, text = self._allotted(draft.subject, proposed)
            self.reached(Step.ALLOTTED)
            return self._write_down(draft.subject, number, text)

    def decide(self, act: Callable[[Snapshot], Any]) -> Any:
        """Run that with the registry as it is, while nobody else can change it."""
        with store.publishing(self.connection):
            self.finish()
            return act(store.read_snapshot(self.connection))

    def finish(self) -> None:
        """Write down what was allotted and never written; call it under `publishing`."""
        if self.repository is None:
            return
        for subject, number, text in store.pending(self.connection):
            self._write_down(subject, number, text)

    def set_states(
        self, subject: str, versions: Sequence[Version], state: VersionState, sunset: date | None = None
    ) -> None:
        """Say how far versions of a subject are now, and until when a deprecated one may be written in."""
        with store.publishing(self.connection):
            home = home_of(subject)
            notes = {v.version: VersionNote(state=state, references=v.text.references, sunset=sunset) for v in versions}

            def edit(text: str | None) -> str:
                for number, note in notes.items():
                    text = with_version(text, home.kind, number, note)
                return text or ""

            listed = ", ".join(map(str, sorted(notes)))
            self.write({home.subject_file: edit}, f"schemas: {subject} version {listed} is {state}", subject)
            for number in notes:
                store.set_state(self.connection, subject, number, state)

    def set_setting(self, subject: str, setting: Setting) -> None:
        """Say what holds for a subject, or everywhere."""
        with store.publishing(self.connection):
            home = home_of(subject)
            if subject == EVERYWHERE:
                edits: Mapping[str, Edit] = {GLOBAL_FILE: lambda text: with_global_setting(text, setting)}
            else:
                edits = {home.subject_file: lambda text: with_setting(text, home.kind, setting)}
            said = ", ".join(str(each) for each in (setting.compatibility, setting.mode) if each) or "the default"
            self.write(edits, f"schemas: {subject or 'all subjects'}: {said}", subject or "all subjects")
            store.set_setting(self.connection, subject, setting)

    def _allotted(self, subject: str, proposed: Proposed) -> tuple[int, Text]:
        """The version's number and text, with an id; what a patch waits for already has both."""
        for waiting, number, text in store.pending(self.connection):
            if waiting == subject and text.sha256 == proposed.sha256:
                return number, text
        locked = read_lock(self.folder)
        number = self.number_for(subject, proposed)
        above = max((entry.id for entry in locked), default=0)
        return number, store.allot(self.connection, subject, number, proposed, above=above)

    def number_for(self, subject: str, proposed: Proposed) -> int:
        """The version that the text would be."""
        return number_for(self.connection, self.folder, subject, proposed)

    def _write_down(self, subject: str, number: int, text: Text) -> Version:
        self.write(
            version_edits(subject, number, text),
            f"schemas: {subject} version {number} is published (id {text.id})",
            f"{subject} version {number} (id {text.id})",
        )
        self.reached(Step.COMMITTED)
        store.set_state(self.connection, subject, number, VersionState.PUBLISHED)
        self.reached(Step.VISIBLE)
        return Version(subject=subject, version=number, text=text, state=VersionState.PUBLISHED)

    def write(self, edits: Mapping[str, Edit], message: str, what: str, author: Author = REGISTRY) -> None:
        """Commit edits of the folder; call it under `publishing`. Raises PatchedError where git is not written."""
        if self.repository is None:
            raise PatchedError(what, str(self._patch(edits, message)))
        self.repository.commit(edits, message, author)

    def _patch(self, edits: Mapping[str, Edit], message: str) -> Path:
        self.patches.mkdir(parents=True, exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in message.removeprefix("schemas: "))
        place = self.patches / f"{name}.patch"
        place.write_text(patch_text(apply(self.folder, edits), message, self.folder.name), encoding="utf-8")
        return place


def version_edits(
    subject: str, number: int, text: Text, state: VersionState = VersionState.PUBLISHED
) -> dict[str, Edit]:
    """What a version is in the folder: its text, its state, its line in the lock. Pure."""
    home = home_of(subject)
    path = home.path(number, text.format)
    entry = LockEntry(subject=subject, version=number, id=text.id, guid=text.guid, sha256=text.sha256, path=path)
    note = VersionNote(state=state, references=text.references)
    return {
        path: lambda there: there if there is not None else readable(text.body),
        home.subject_file: lambda there: with_version(there, home.kind, number, note),
        LOCK: lambda there: with_entries(there, [entry]),
    }


def patch_text(changes: Mapping[str, tuple[str | None, str]], message: str, folder: str) -> str:
    """The changes as `git apply` takes them, from above the folder of schemas. Pure."""
    parts = [message, ""]
    for path, (before, after) in changes.items():
        old = "/dev/null" if before is None else f"a/{folder}/{path}"
        lines = unified_diff((before or "").splitlines(), after.splitlines(), old, f"b/{folder}/{path}", lineterm="")
        parts += [f"diff --git a/{folder}/{path} b/{folder}/{path}"]
        parts += ["new file mode 100644"] if before is None else []
        parts += list(lines)
    return "\n".join(parts) + "\n"
