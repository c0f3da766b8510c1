"""`ap stream new`: drafts a stream from a sample of its topic."""

import keyword
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import OffsetRange, Schema
from analytics_platform.ingest.infer import Draft, Sample, draft_stream, newest_ranges
from analytics_platform.ingest.infer_text import SUFFIXES, declaration_text, subject_text
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import Stream
from analytics_platform.products import catalog
from analytics_platform.registry.folder import SUBJECT_FILE, known_schemas
from analytics_platform.security.cluster import Cluster, cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import ROOT, read_settings

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
SAMPLE_BYTES, SAMPLE_SECONDS = 256 << 20, 30.0
DESCRIPTION = "Not described yet: say what one row is, when it is written, and how it joins others."
PRODUCTS = "analytics_platform/products"


class StreamName(click.ParamType):
    """A name that a Python file, a SQL table and a Dagster group can have."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        if not NAME.fullmatch(str(value)) or keyword.iskeyword(str(value)):
            self.fail(f"{value!r}: take lower-case letters, digits and _", param, ctx)
        return str(value)


@click.command("new", epilog="Example: ap stream new edits --from-topic wiki.recentchange --sample 1000")
@click.argument("name", type=StreamName())
@click.option("--from-topic", "topic", required=True, help="The topic to look at; it is only read.")
@click.option("--sample", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Newest records.")
@click.option("--pipeline", help="What it hangs together with. Default: a pipeline of its own.")
@click.option("--owner", default="team:undecided", show_default=True, help="team:… or an address.")
@click.option("--dry-run", is_flag=True, help="Show the files, write none.")
@as_json
def command(name: str, topic: str, sample: int, pipeline: str | None, owner: str, dry_run: bool, as_json: bool) -> None:
    """Draft the stream NAME from a sample of a topic: its declaration, its schema and what to decide.

    Writes names, types and counts, and no value of the sample. Nothing reads the stream before it is published.
    """
    settings = read_settings()
    _require_new(name, settings.schema_dir)
    stream = Stream(name=name, topic=topic, pipeline=pipeline or name, description=DESCRIPTION, owner=owner)
    found = read_sample(cluster_of(settings, PartName.SAMPLER), topic, sample, known_schemas(settings.schema_dir))
    draft = draft_stream(stream, found)
    files = files_of(draft, settings.schema_dir)
    if not dry_run:
        write_new(files)
    steps = next_steps(draft)
    if as_json:
        say_json(_document(draft, files, steps, is_written=not dry_run))
    else:
        _say(draft, files, steps, is_written=not dry_run)


def read_sample(cluster: Cluster | str, topic: str, records: int, known: dict[int, Schema]) -> Sample:
    """The newest stable records of a topic, until there are enough of them, of their bytes or of the time."""
    deadline = time.monotonic() + SAMPLE_SECONDS
    with KafkaReader(cluster) as reader:
        offsets = reader.offsets([topic])[topic]
        ranges = newest_ranges(offsets, records)
        tables = _read(reader, topic, ranges, deadline)
    if not tables:
        raise DeclarationError(f"topic {topic}", "holds no record", "produce some, or declare the stream by hand")
    together = pa.concat_tables(tables).select(RECORDS_SCHEMA.names).cast(RECORDS_SCHEMA).combine_chunks()
    return Sample(topic=topic, topic_id=offsets[0].topic_id, partitions=len(offsets), records=together, known=known)


def _read(reader: KafkaReader, topic: str, ranges: tuple[OffsetRange, ...], deadline: float) -> list[pa.Table]:
    tables: list[pa.Table] = []
    for table in reader.fetch(topic, ranges):
        tables.append(table)
        if sum(each.nbytes for each in tables) > SAMPLE_BYTES or time.monotonic() > deadline:
            break
    return [table for table in tables if table.num_rows]


def files_of(draft: Draft, schema_dir: Path) -> dict[Path, str]:
    """The texts of a draft's files, by where they go."""
    folder, suffix = schema_dir / draft.stream.name, SUFFIXES[draft.format]
    return {
        ROOT / PRODUCTS / f"{draft.stream.name}.py": declaration_text(draft, datetime.now(UTC)),
        folder / "value" / f"1{suffix}": draft.schema_text,
        folder / SUBJECT_FILE: subject_text(draft.stream),
    }


def write_new(files: dict[Path, str]) -> None:
    """Write files that are not there yet; none if one of them is."""
    for path in files:
        _require_absent(path)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def next_steps(draft: Draft) -> list[str]:
    """What a person does next; a topic that is written in a schema id already keeps it."""
    name, suffix = draft.stream.name, SUFFIXES[draft.format]
    known = f" --id {name}-value/1={draft.schema_ids[-1]}" if draft.schema_ids else ""
    return [
        f"review {PRODUCTS}/{name}.py and schemas/{name}/value/1{suffix}: meanings, owner, identity, rules",
        f"publish: set `1: {{state: published}}` in schemas/{name}/{SUBJECT_FILE}, then `ap schema sync{known}`, "
        "which gives the schema its id in schemas/ids.lock",
        "restart: `ap down`, then `ap up --detach`; what was published so far stays",
    ]


def _require_new(name: str, schema_dir: Path) -> None:
    declared = catalog()
    if name in declared.streams or name in declared.models:
        raise DeclarationError(name, "is declared already", "choose another name")
    _require_absent(schema_dir / name)
    _require_absent(ROOT / PRODUCTS / f"{name}.py")


def _require_absent(path: Path) -> None:
    if path.exists():
        raise DeclarationError(
            _shown(path), "is there already, and is left as it is", "choose another name, or move it"
        )


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _document(draft: Draft, files: dict[Path, str], steps: list[str], *, is_written: bool) -> dict[str, Any]:
    return {
        "stream": draft.stream.name,
        "topic": draft.stream.topic,
        "records": draft.records,
        "state": "draft",
        "is_written": is_written,
        "files": {_shown(path): text for path, text in files.items()},
        "why": draft.why,
        "unknown": draft.unknown,
        "next": steps,
    }


def _say(draft: Draft, files: dict[Path, str], steps: list[str], *, is_written: bool) -> None:
    click.echo(f"{draft.stream.name}: a draft from {draft.records:,} records of {draft.stream.topic}")
    for path, text in files.items():
        click.echo(f"  wrote {_shown(path)}" if is_written else f"\n# {_shown(path)}\n{text}")
    for what, why in draft.why.items():
        click.echo(f"  {what}: {why}")
    for text in draft.unknown:
        click.echo(f"  ? {text}")
    click.echo("next:")
    for number, step in enumerate(steps, start=1):
        click.echo(f"  {number}. {step}")
