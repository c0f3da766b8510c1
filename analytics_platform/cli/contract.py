"""`ap contract`: data contracts: list, lint, and what they would not notice."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import pyarrow as pa

from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.errors import DeclarationError
from analytics_platform.lake.shapes import ROW_COLUMNS
from analytics_platform.pipeline.parts import pipeline_shapes
from analytics_platform.product import Catalog, Model, Stream
from analytics_platform.products import catalog
from analytics_platform.published import read_table
from analytics_platform.quality.binding import sql_faults
from analytics_platform.quality.contract import read_contract
from analytics_platform.quality.files import contract_file, with_contracts
from analytics_platform.quality.lint import faults_of
from analytics_platform.quality.unnoticed import Report, mutation_report
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.registry.folder import read_schemas
from analytics_platform.settings import ROOT, read_settings
from analytics_platform.yaml_text import Fault

SAMPLE = 5000
Product = Stream | Model


@click.group()
def command() -> None:
    """The data contracts of streams and models."""


@command.command("list", epilog="Example: ap contract list --json | jq '.[] | select(.severity == \"error\")'")
@as_json
def list_checks(as_json: bool) -> None:
    """Every check of every contract: its stable path, what it wants, and what happens if it fails."""
    rows = [
        {"product": product.name, **asdict(check)}
        for product in _products(_declared())
        for check in read_contract(product.contract, product.name).checks
    ]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ["product", "path", "scope", "severity", "on_failure", "threshold"])


@command.command(epilog="Example: ap contract lint")
@as_json
def lint(as_json: bool) -> None:
    """What is wrong in contracts, by file and line; exit code 1 if anything is."""
    declared, found = _declared(), []
    for product in _products(declared):
        path = contract_file(product, read_settings().schema_dir)
        found += [{"file": _shown(path), **asdict(fault)} for fault in _faults(product, declared)]
    if as_json:
        say_json(found)
    else:
        for row in found:
            click.echo(f"{row['file']}:{row['line']}: {row['problem']}; {row['remedy']}")
    sys.exit(1 if found else 0)


@command.command(epilog="Example: ap contract test bids")
@click.argument("names", nargs=-1)
@click.option("--sample", type=click.IntRange(100), default=SAMPLE, show_default=True, help="Rows to make bad.")
@as_json
def test(names: Sequence[str], sample: int, as_json: bool) -> None:
    """Make good published rows bad, column by column, and list what no check notices."""
    declared, settings = _declared(), read_settings()
    wanted = [product for product in _products(declared) if not names or product.name in names]
    if unknown := sorted(set(names) - {product.name for product in wanted}):
        raise DeclarationError(f"contract {unknown[0]}", "is not there", "see `ap contract list`")
    reports = []
    for product in wanted:
        rows = read_table(settings, declared, product.name).limit(sample).to_arrow_table()
        rows = rows.select(_columns(product, declared).names)
        reports.append(mutation_report(product, rows, _own_columns(product, declared), datetime.now(UTC)))
    if as_json:
        say_json([asdict(report) for report in reports])
    else:
        for report in reports:
            _say(report)


def _say(report: Report) -> None:
    click.echo(f"{report.product}: {report.noticed} of {report.mutants} mutants noticed, {report.rows:,} rows")
    for missed in report.missed:
        click.echo(f"  no check notices {missed}")
    for check in report.failing_already:
        click.echo(f"  fails on good rows already: {check}")


def _declared() -> Catalog:
    schema_dir = read_settings().schema_dir
    return with_contracts(without_drafts(catalog(), schema_dir), schema_dir)


def _products(declared: Catalog) -> Iterator[Product]:
    """Streams and models that have a contract."""
    yield from (p for p in (*declared.streams.values(), *declared.models.values()) if p.contract)


def _faults(product: Product, declared: Catalog) -> list[Fault]:
    columns = _columns(product, declared)
    found = faults_of(product.contract, columns.names)
    if found:
        return found
    contract = read_contract(product.contract, product.name)
    if contract.dataset.rpartition("/")[2] != product.name:
        problem = f"its dataset is {contract.dataset}"
        return [Fault(line=1, problem=problem, remedy=f"write `dataset: platform/main/{product.name}`")]
    of_batches = [check.path for check in contract.checks if check.scope == "batch"]
    if isinstance(product, Model) and of_batches:
        remedy = "write `scope: table` into `check_attributes`: a model has no batches"
        return [Fault(line=1, problem=f"{of_batches[0]} is a check of batches", remedy=remedy)]
    references = {check.reference for check in contract.checks if check.reference}
    known = {**declared.streams, **declared.models}
    if unknown := sorted(references - known.keys()):
        problem = f"its reference {unknown[0]} is no stream or model"
        return [Fault(line=1, problem=problem, remedy="name one that is declared; `ap stream list` shows streams")]
    of_references = {name: _columns(known[name], declared) for name in sorted(references)}
    return sql_faults(product.contract, product.name, columns, of_references)


def _columns(product: Product, declared: Catalog) -> pa.Schema:
    pipeline = declared.pipelines[product.pipeline]
    schemas = {s.name: read_schemas(read_settings().schema_dir, s.name) for s in pipeline.streams}
    shapes = pipeline_shapes(pipeline, schemas)
    return shapes[product.name if isinstance(product, Model) else f"{product.name}/silver"].columns


def _own_columns(product: Product, declared: Catalog) -> list[str]:
    """The columns that the owner declares: those of the reader schema, or of the model's SQL."""
    ours = {field.name for field in ROW_COLUMNS} if isinstance(product, Stream) else set()
    return [name for name in _columns(product, declared).names if name not in ours]


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
