"""`ap table`: are the tables on disk what was written, and if not, mend them."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from analytics_platform.cli.asking import ask
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.pipelines import every_pipeline
from analytics_platform.errors import DeclarationError
from analytics_platform.lake.shapes import TableShape
from analytics_platform.pipeline.recover_files import repair_files
from analytics_platform.pipeline.recover_tables import Finding, findings, repair_log, shapes_of
from analytics_platform.postgres import connect
from analytics_platform.product import Pipeline
from analytics_platform.products import catalog
from analytics_platform.registry.folder import read_schemas
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings

COLUMNS = ["table", "fault", "holds", "file"]


@click.group()
def command() -> None:
    """The tables on disk: check, repair."""


@command.command(epilog="Example: ap table check bids --deep")
@click.argument("name", required=False)
@click.option("--deep", is_flag=True, help="Read every file and compare its rows with the fingerprint in its name.")
@as_json
def check(name: str | None, deep: bool, as_json: bool) -> None:
    """Find half-written commits, orphan files, and files that are missing or damaged; changes nothing.

    NAME is a table (bids/silver, hot_items), a stream (all its tables), or left out for all. Exit code 1 if anything
    is damaged; orphans and leftovers alone are none, the hourly vacuum takes them.
    """
    folder = read_settings().table_dir
    found = [finding for _, shape in _tables(name) for finding in _checked(folder, shape, deep)]
    if as_json:
        say_json([asdict(finding) for finding in found])
    elif found:
        say_table([asdict(finding) for finding in found], COLUMNS)
    else:
        click.echo("every file is there" + (" and holds what was written" if deep else "; --deep reads them too"))
    damaged = sorted({finding.table for finding in found if finding.is_damage})
    for table in damaged:
        click.echo(f"next: ap table repair {table}" + (" --deep" if deep else ""), err=True)
    sys.exit(1 if damaged else 0)


@command.command(epilog="Example: ap table repair bids/bronze --from kafka")
@click.argument("name")
@click.option("--from", "source", type=click.Choice(["kafka"]), help="Bronze: read what is damaged from there again.")
@click.option("--deep", is_flag=True, help="Look for damage as `ap table check --deep` does.")
@click.option("--dry-run", is_flag=True, help="Say what is damaged; change nothing.")
@as_json
def repair(name: str, source: str | None, deep: bool, dry_run: bool, as_json: bool) -> None:
    """Mend a table, or refuse with the exact range that is lost, and change nothing.

    Broken ends of a log are set aside if readers never saw them. Silver and exceptions are judged again from bronze,
    models are computed again, manifests are written again from the ledger, and bronze is read from Kafka again if what
    is there has the content hash of what was landed.
    """
    settings = read_settings()
    ((pipeline, shape),) = _tables(name, exact=True)
    before = _checked(settings.table_dir, shape, deep)
    done: list[str] = []
    if not dry_run:
        ask(Action.REPAIR, shape.name, source=source or "what is there")
    if not dry_run and any(finding.file.startswith("_delta_log/") for finding in before):
        with connect(settings.ledger_dsn, application="ap table repair") as ledger:
            done += repair_log(settings.table_dir, shape.name, pipeline, ledger)
    if not dry_run:
        with every_pipeline(pipeline.name, "ap table repair") as (parts,):
            done += repair_files(shape.name, parts, from_kafka=source == "kafka", deep=deep)
    if as_json:
        say_json({"found": [asdict(finding) for finding in before], "done": done})
        return
    for finding in before if dry_run else ():
        click.echo(f"{finding.table}/{finding.file} ({finding.holds}) is {finding.fault}")
    for sentence in done or ["nothing was changed"]:
        click.echo(sentence)


def _checked(folder: Path, shape: TableShape, deep: bool) -> list[Finding]:
    click.echo(f"{shape.name} …", err=True)
    return list(findings(folder, shape, deep=deep))


def _tables(name: str | None, *, exact: bool = False) -> list[tuple[Pipeline, TableShape]]:
    """The tables of that name, or of the stream of that name; DeclarationError if there is none."""
    every = list(_all_tables())
    wanted = (name or "").replace(".", "/")
    found = [
        (pipeline, shape)
        for pipeline, shape in every
        if not wanted or shape.name == wanted or (not exact and shape.name.startswith(f"{wanted}/"))
    ]
    if not found:
        known = ", ".join(shape.name for _, shape in every)
        raise DeclarationError(name or "tables", "is no table", f"name one of {known}")
    return found


def _all_tables() -> Iterator[tuple[Pipeline, TableShape]]:
    schema_dir = read_settings().schema_dir
    for pipeline in catalog().pipelines.values():
        schemas = {stream.name: read_schemas(schema_dir, stream.name) for stream in pipeline.streams}
        for shape in shapes_of(pipeline, schemas).values():
            yield pipeline, shape
