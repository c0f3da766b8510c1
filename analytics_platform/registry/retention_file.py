"""`retention.yaml`: for how many days rows are kept, by stream and by the kind of personal data that they hold.

    days_by_stream: {bids: 30}
    days_by_tag: {payment: 7}

Touches the file system, and only reads. Without the file, tables keep rows as long as the setting says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Pipeline
from analytics_platform.product.privacy import NOT_PERSONAL
from analytics_platform.registry.fields import fields_of
from analytics_platform.registry.folder import text_if_there
from analytics_platform.registry.lock import VersionState, parse_mapping
from analytics_platform.registry.subject import SubjectVersions, VersionText
from analytics_platform.registry.versions import read_versions, streams_in

RETENTION_FILE = "retention.yaml"
MOST_DAYS = 36_500
BY_STREAM, BY_TAG = "days_by_stream", "days_by_tag"


def retention_in(schema_dir: Path) -> dict[str, timedelta]:
    """How long rows of each stream are kept that the file says anything of: the shortest of what applies.

    Raises DeclarationError, for a stream or a tag that there is nothing of too: a slip of the pen would keep for ever
    what has to go.
    """
    text = text_if_there(schema_dir, RETENTION_FILE)
    if text is None:
        return {}
    content = parse_mapping(text, RETENTION_FILE)
    if unknown := sorted(map(str, set(content) - {BY_STREAM, BY_TAG})):
        raise DeclarationError(RETENTION_FILE, f"says {', '.join(unknown)}", f"write `{BY_STREAM}:` or `{BY_TAG}:`")
    subjects = [read_versions(schema_dir, stream) for stream in streams_in(schema_dir)]
    by_stream = _days(content, BY_STREAM, [subject.stream for subject in subjects])
    by_tag = _days(content, BY_TAG, {tag for subject in subjects for tag in _tags(subject, subject.versions)})
    found: dict[str, timedelta] = {}
    for subject in subjects:
        agreed = [version for version in subject.versions if version.state is not VersionState.DRAFT]
        spans = [by_tag[tag] for tag in _tags(subject, agreed) & by_tag.keys()]
        spans += [by_stream[subject.stream]] if subject.stream in by_stream else []
        found |= {subject.stream: min(spans)} if spans else {}
    return found


def pipeline_with_retention(pipeline: Pipeline, schema_dir: Path) -> Pipeline:
    """The pipeline with how long rows of each of its streams are kept."""
    found = retention_in(schema_dir)
    return pipeline.with_streams(lambda stream: replace(stream, kept_for=found.get(stream.name)))


def _tags(subject: SubjectVersions, versions: Iterable[VersionText]) -> set[str]:
    """The kinds of personal data that those versions of a schema have, whatever becomes of them."""
    found = {decision.pii for decision in subject.decided.values()}
    found |= {field.pii for version in versions for field in fields_of(version.schema)}
    return found - {"", NOT_PERSONAL}


def _days(content: Mapping[str, Any], part: str, known: Iterable[str]) -> dict[str, timedelta]:
    """One part of the file. Raises DeclarationError."""
    days, names = content.get(part, {}), sorted(known)
    if not isinstance(days, Mapping):
        raise DeclarationError(RETENTION_FILE, f"{part} is {days!r}", "write lines like `bids: 30`")
    for name, number in days.items():
        if name not in names:
            raise DeclarationError(RETENTION_FILE, f"{part} says {name!r}", f"there are {', '.join(names) or 'none'}")
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_DAYS:
            remedy = f"write how many days, 1 to {MOST_DAYS:,}"
            raise DeclarationError(RETENTION_FILE, f"{name} is kept for {number!r}", remedy)
    return {name: timedelta(days=number) for name, number in days.items()}
