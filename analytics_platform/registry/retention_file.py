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
from analytics_platform.product import Pipeline, Stream
from analytics_platform.product.privacy import NOT_PERSONAL
from analytics_platform.registry.fields import fields_of
from analytics_platform.registry.folder import text_if_there
from analytics_platform.registry.lock import parse_mapping
from analytics_platform.registry.versions import read_versions, streams_in

RETENTION_FILE = "retention.yaml"
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
    tags = {stream: tags_of(schema_dir, stream) for stream in streams_in(schema_dir)}
    by_stream = _days(content, BY_STREAM, tags)
    by_tag = _days(content, BY_TAG, {tag for held in tags.values() for tag in held})
    found: dict[str, timedelta] = {}
    for stream, held in tags.items():
        spans = [by_tag[tag] for tag in held & by_tag.keys()]
        spans += [by_stream[stream]] if stream in by_stream else []
        found |= {stream: min(spans)} if spans else {}
    return found


def pipeline_with_retention(pipeline: Pipeline, schema_dir: Path) -> Pipeline:
    """The pipeline with how long rows of each of its streams are kept."""
    found = retention_in(schema_dir)

    def attached(stream: Stream) -> Stream:
        return replace(stream, kept_for=found.get(stream.name))

    return replace(pipeline, streams=tuple(attached(stream) for stream in pipeline.streams))


def tags_of(schema_dir: Path, stream: str) -> set[str]:
    """The kinds of personal data that any version of a stream's schema has, whatever becomes of them."""
    subject = read_versions(schema_dir, stream)
    found = {decision.pii for decision in subject.decided.values()}
    found |= {field.pii for version in subject.versions for field in fields_of(version.schema)}
    return found - {"", NOT_PERSONAL}


def _days(content: Mapping[str, Any], part: str, known: Iterable[str]) -> dict[str, timedelta]:
    """One part of the file. Raises DeclarationError."""
    days, names = content.get(part, {}), sorted(known)
    if not isinstance(days, Mapping):
        raise DeclarationError(RETENTION_FILE, f"{part} is {days!r}", "write lines like `bids: 30`")
    for name, number in days.items():
        if name not in names:
            raise DeclarationError(RETENTION_FILE, f"{part} says {name!r}", f"there are {', '.join(names) or 'none'}")
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise DeclarationError(RETENTION_FILE, f"{name} is kept for {number!r}", "write how many days, at least 1")
    return {name: timedelta(days=number) for name, number in days.items()}
