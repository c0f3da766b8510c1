"""The decision on a version that has its id already, as it was when only the versions before it were there."""

from dataclasses import replace

from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.proposals import case_at
from analytics_platform.registry.snapshot import Snapshot, Version
from analytics_platform.registry.texts import Proposed, schema_text


def case_before(desk: Desk, snapshot: Snapshot, version: Version) -> Case:
    """The decision on a version of the snapshot, by today's policy and with the votes that lie there."""
    before, proposed = _before(snapshot, version), _proposed(version, snapshot)
    return case_at(desk, before, version.subject, proposed, version.version)


def _before(snapshot: Snapshot, version: Version) -> Snapshot:
    subject = version.subject
    return replace(
        snapshot,
        subjects={**snapshot.subjects, subject: _earlier(snapshot.subjects.get(subject, ()), version)},
        removed={**snapshot.removed, subject: _earlier(snapshot.removed.get(subject, ()), version)},
    )


def _earlier(versions: tuple[Version, ...], than: Version) -> tuple[Version, ...]:
    return tuple(each for each in versions if each.version < than.version)


def _proposed(version: Version, snapshot: Snapshot) -> Proposed:
    text = version.text
    return Proposed(
        schema=schema_text(text, snapshot.text_of),
        body=text.body,
        references=text.references,
        sha256=text.sha256,
        guid=text.guid,
    )
