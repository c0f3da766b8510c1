"""`ap schema diff|check|lint|docs|policy`: what a version changes, whom it would hurt, and what its fields lack.

They read the folder of schemas and the declarations; nothing has to run.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.errors import DeclarationError, InvalidSchemaError
from analytics_platform.facts import Schema
from analytics_platform.governance.page import page_of as page_of_policy
from analytics_platform.pipeline.governance.desk import policy_of
from analytics_platform.pipeline.governance.lint import faults
from analytics_platform.pipeline.schema_change import effects
from analytics_platform.product.privacy import Privacy
from analytics_platform.products import catalog
from analytics_platform.registry.compatibility import Break, SchemaText, breaks, require_valid
from analytics_platform.registry.compatibility.effects import NO_TAG, tag_breaks
from analytics_platform.registry.diff import changes
from analytics_platform.registry.fields import fields_of
from analytics_platform.registry.lint import Fault, faults_of, pii_of
from analytics_platform.registry.page import page_of
from analytics_platform.registry.privacy import privacy_faults
from analytics_platform.registry.privacy_file import policy_in
from analytics_platform.registry.retention_file import retention_in
from analytics_platform.registry.subject import Decision, SubjectVersions, VersionText
from analytics_platform.registry.versions import read_versions, streams_in, text_of
from analytics_platform.settings import ROOT, read_settings

PAGE = ROOT / "docs" / "governance.md"
NO_GUID = UUID(int=0)  # a version under review has no id yet, and nothing here asks for one


@click.command(epilog="Example: ap schema diff bids 1 2")
@click.argument("stream")
@click.argument("old", type=click.IntRange(1), required=False)
@click.argument("new", type=click.IntRange(1), required=False)
@as_json
def diff(stream: str, old: int | None, new: int | None, as_json: bool) -> None:
    """What changes between two versions of STREAM's schema, field by field; the last two if none are named."""
    subject = read_versions(read_settings().schema_dir, stream)
    numbers = [version.number for version in subject.versions]
    if len(numbers) < 2 and not (old and new):
        raise DeclarationError(stream, f"has {len(numbers)} version", "name two versions, or add one")
    found = changes(_version(subject, old or numbers[-2]).schema, _version(subject, new or numbers[-1]).schema)
    if as_json:
        say_json([asdict(change) for change in found])
    else:
        click.echo("\n".join(str(change) for change in found) or "no field is different")


@click.command(epilog="Example: ap schema check bids --file new-bids.avsc")
@click.argument("stream", required=False)
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A version not added yet.")
@as_json
def check(stream: str | None, file: Path | None, as_json: bool) -> None:
    """Whom drafts would hurt if they were published: readers, the lake, models, protected persons. Exit code 1 if any.

    Without a STREAM, those of all. With --file, that file as STREAM's next version.
    """
    if file and not stream:
        raise click.UsageError("--file needs a STREAM")
    schema_dir = read_settings().schema_dir
    found = []
    for name in [stream] if stream else streams_in(schema_dir):
        subject = read_versions(schema_dir, name)
        proposed = [(str(file), text_of(file))] if file else [(draft.path, draft.schema) for draft in subject.drafts]
        for where, schema in proposed:
            found += [{"file": where, **_row(each, subject)} for each in _breaks(subject, schema)]
    if as_json:
        say_json(found)
    else:
        for row in found:
            click.echo(f"{row['file']}: {row['says']}")
    sys.exit(1 if found else 0)


@click.command(epilog="Example: ap schema lint")
@click.argument("streams", nargs=-1)
@as_json
def lint(streams: Sequence[str], as_json: bool) -> None:
    """What fields lack: meaning, a decision on personal data, a good name, a unit, a time's type. Exit code 1 if any.

    Where there is a privacy.yaml, also what becomes of their personal data, and whether it can be done. Judged are each
    stream's highest published version and its drafts; older ones cannot change any more. Without a stream also the
    policy, its page, the votes on open proposals, and for how long rows are kept.
    """
    schema_dir = read_settings().schema_dir
    treated = policy_in(schema_dir)
    found = [
        {"file": version.path, **asdict(fault)}
        for subject in (read_versions(schema_dir, name) for name in streams or streams_in(schema_dir))
        for version in (*subject.published[-1:], *subject.drafts)
        for fault in (*faults_of(_valid(version), subject.decided), *_misfits(subject, version, treated))
    ]
    governed = [] if streams else faults(schema_dir, PAGE if schema_dir == ROOT / "schemas" else None)
    if not streams:
        retention_in(schema_dir)
    if as_json:
        say_json([*found, *({"file": "", "problem": line} for line in governed)])
    else:
        for row in found:
            click.echo(f"{row['file']}: {row['path']} {row['problem']}; {row['remedy']}")
        for line in governed:
            click.echo(line)
    sys.exit(1 if found or governed else 0)


@click.command(epilog="Example: ap schema policy --into docs/governance.md")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="Write the page there.")
@as_json
def policy(into: Path | None, as_json: bool) -> None:
    """Who must agree to what, in words, by schemas/governance.yaml."""
    page = page_of_policy(policy_of(read_settings().schema_dir))
    if into:
        into.write_text(page, encoding="utf-8")
    if as_json:
        say_json({"page": page, "into": into})
    else:
        click.echo(into if into else page, nl=bool(into))


@click.command(epilog="Example: ap schema docs --into build/schemas")
@click.argument("streams", nargs=-1)
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "build" / "schemas")
@as_json
def docs(streams: Sequence[str], into: Path, as_json: bool) -> None:
    """Write a page per subject: its versions, what each field means, and what changed when."""
    schema_dir = read_settings().schema_dir
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name in streams or streams_in(schema_dir):
        page = into / f"{name}-value.md"
        page.write_text(page_of(read_versions(schema_dir, name)), encoding="utf-8")
        written.append(str(page))
    if as_json:
        say_json(written)
    else:
        click.echo("\n".join(written) or "no schemas")


COMMANDS = (diff, check, lint, docs, policy)


def _version(subject: SubjectVersions, number: int) -> VersionText:
    for version in subject.versions:
        if version.number == number:
            return version
    known = ", ".join(str(version.number) for version in subject.versions) or "none"
    raise DeclarationError(subject.stream, f"has no version {number}; it has {known}", "name one of them")


def _valid(version: VersionText) -> SchemaText:
    """The version's schema; raises InvalidSchemaError that names its file."""
    try:
        require_valid(version.schema)
    except InvalidSchemaError as error:
        raise InvalidSchemaError(f"{version.path} {error.path}".rstrip(), error.problem, error.remedy) from error
    return version.schema


def _misfits(subject: SubjectVersions, version: VersionText, policy: Privacy | None) -> Iterator[Fault]:
    """Where tags and the policy about personal data do not fit each other."""
    if policy is not None:
        yield from privacy_faults(version.schema, subject.decided, replace(policy, subject=subject.about or None))


def _breaks(subject: SubjectVersions, new: SchemaText) -> list[Break]:
    """Everything that the schema would break as the subject's next version."""
    published = subject.published
    found = breaks(new, [version.schema for version in published], subject.level)
    if not published:
        return found
    latest = published[-1].schema
    found += tag_breaks(_tags(latest, subject), _tags(new, subject))
    pipelines = [pipeline for pipeline in catalog().pipelines.values() if subject.stream in pipeline.stream_names]
    for pipeline in pipelines:
        found += effects(pipeline, subject.stream, _schema(subject, latest), _schema(subject, new))
    return found


def _tags(schema: SchemaText, subject: SubjectVersions) -> dict[str, str]:
    decided = subject.decided
    return {each.path: pii_of(each, decided.get(each.path, Decision())) or NO_TAG for each in fields_of(schema)}


def _schema(subject: SubjectVersions, text: SchemaText) -> Schema:
    name, number = f"{subject.stream}-value", len(subject.versions)
    return Schema(id=0, guid=NO_GUID, subject=name, version=number, format=text.format, text=text.text)


def _row(each: Break, subject: SubjectVersions) -> dict[str, Any]:
    against = subject.published[each.against].number if each.against < len(subject.published) else None
    return {**asdict(each), "against": against, "says": str(each)}
