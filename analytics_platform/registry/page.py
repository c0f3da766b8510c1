"""The page of a subject: whose it is, its versions, what each field means, what changed when. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from analytics_platform.registry.diff import changes, default_of
from analytics_platform.registry.fields import SchemaField, fields_of
from analytics_platform.registry.lint import pii_of
from analytics_platform.registry.subject import Decision, SubjectVersions, VersionText

UNDECIDED = "not decided"


def page_of(subject: SubjectVersions) -> str:
    """The page in Markdown; the fields are those of the highest published version, or of the draft if there is none."""
    shown = (subject.published or subject.versions)[-1]
    lines = [
        f"# {subject.stream}-value",
        "",
        f"Owner: {subject.owner}. New versions: {subject.level}.",
        "",
        *_versions(subject.versions),
        "",
        f"## Fields of version {shown.number}",
        "",
        *_fields(shown, subject),
        *_history(subject.versions),
    ]
    return "\n".join(lines) + "\n"


def _versions(versions: Sequence[VersionText]) -> Iterator[str]:
    yield "| version | state | file |"
    yield "|---|---|---|"
    yield from (f"| {version.number} | {version.state} | `{version.path}` |" for version in versions)


def _fields(version: VersionText, subject: SubjectVersions) -> Iterator[str]:
    yield "| field | type | default | personal data | unit | what it means |"
    yield "|---|---|---|---|---|---|"
    for field in fields_of(version.schema):
        yield _row(field, subject.decided.get(field.path, Decision()))


def _row(field: SchemaField, decided: Decision) -> str:
    kind = f"{field.type}{', optional' if field.is_optional else ''}"
    personal = "" if field.holds_fields else pii_of(field, decided) or UNDECIDED
    cells = [f"`{field.path}`", kind, default_of(field), personal, field.unit or decided.unit, field.doc]
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def _history(versions: Sequence[VersionText]) -> Iterator[str]:
    for old, new in pairwise(versions):
        yield ""
        yield f"## From version {old.number} to {new.number}"
        yield ""
        found = changes(old.schema, new.schema)
        yield from (f"- `{change}`" for change in found)
        if not found:
            yield "No field changed."
