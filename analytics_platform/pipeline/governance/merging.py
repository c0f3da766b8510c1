"""What a branch would bring into the registry by git, held to the policy before it is merged. Only reads."""

from pathlib import Path

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.record import Facts
from analytics_platform.pipeline.governance.desk import Desk
from analytics_platform.pipeline.governance.gate import objections_of
from analytics_platform.pipeline.governance.hindsight import case_before
from analytics_platform.product import Catalog
from analytics_platform.registry.git import Repository
from analytics_platform.registry.lock import LOCK, LockEntry, VersionState, parse_lock
from analytics_platform.registry.snapshot import Snapshot, Text, Version
from analytics_platform.registry.sync import Folder, read_folder

REMEDY = "have it approved before it gets its id: `ap schema propose`, `review`, `approve`, then `publish` or `sync`"


def unapproved(folder: Path, against: str, facts: Facts, declared: Catalog) -> list[str]:
    """Versions that have an id here and none at that commit, without what the policy asks for, each with the remedy.

    Without the ledger's facts, people who are known by a token have no vote.
    """
    repository = Repository.reading(folder)
    if repository is None:
        raise DeclarationError(str(folder), "is in no git repository", "leave out --against")
    content = read_folder(folder)
    snapshot = _snapshot(content)
    desk = Desk(folder=folder, facts=facts, declared=declared, signer_of=repository.signer_of)
    before = parse_lock(repository.text_at(against, LOCK) or "schemas:\n", f"{LOCK} at {against}")
    known, found = {(entry.subject, entry.version) for entry in before}, []
    for place in sorted(content.locked.keys() - known):
        version = snapshot.version(*place, deleted=True)
        lacks = objections_of(case_before(desk, snapshot, version)) if version else []
        if lacks:
            found.append(
                f"{content.locked[place].where}: {place[0]} version {place[1]} waits for {', '.join(lacks)}; {REMEDY}"
            )
    return found


def _snapshot(content: Folder) -> Snapshot:
    """The registry as an empty Postgres would have it from this folder; what is removed is left out."""
    versions = [_version(content, entry) for _, entry in sorted(content.locked.items())]
    subjects: dict[str, tuple[Version, ...]] = {}
    for version in versions:
        if version.state is not VersionState.REMOVED:
            subjects[version.subject] = (*subjects.get(version.subject, ()), version)
    return Snapshot(texts={v.text.id: v.text for v in versions}, subjects=subjects, settings=content.settings())


def _version(content: Folder, entry: LockEntry) -> Version:
    draft = content.draft(entry.subject, entry.version, entry.path)
    text = Text(
        id=entry.id,
        guid=entry.guid,
        sha256=entry.sha256,
        format=draft.format,
        body=draft.body,
        references=draft.references,
    )
    state = content.state(entry.subject, entry.version) or VersionState.PUBLISHED
    return Version(subject=entry.subject, version=entry.version, text=text, state=state)
