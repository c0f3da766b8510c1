"""`ap lineage`: where the values of a column come from, up to the topic."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.lake.lineage import Traced, traced
from analytics_platform.pipeline.parts import pipeline_shapes, read_as
from analytics_platform.product import Pipeline
from analytics_platform.products import catalog
from analytics_platform.registry.folder import read_schemas
from analytics_platform.settings import read_settings

Columns = Mapping[str, Sequence[str]]


@click.command(epilog="Example: ap lineage hot_items.auction")
@click.argument("name", metavar="TABLE[.COLUMN]")
@as_json
def command(name: str, as_json: bool) -> None:
    """Where the values of a column come from: TABLE is a model or a stream; without a COLUMN, all of its columns.

    Values only: what filters, joins or orders rows is not followed, and a bare count comes from no column.
    """
    table, _, column = name.partition(".")
    pipeline = _pipeline_of(table)
    columns = _columns(pipeline)
    if column and column not in columns[table]:
        raise click.BadParameter(f"{table} has no column {column}; it has {', '.join(columns[table])}")
    found = [traced(pipeline, columns, table, each) for each in ([column] if column else columns[table])]
    if as_json:
        say_json([_document(each) for each in found])
    else:
        click.echo("\n".join(line for each in found for line in _tree(each)))


def _pipeline_of(table: str) -> Pipeline:
    declared = catalog()
    for pipeline in declared.pipelines.values():
        if table in (*pipeline.stream_names, *pipeline.model_names):
            return pipeline
    known = ", ".join(sorted([*declared.streams, *declared.models]))
    raise click.BadParameter(f"no stream or model is called {table}; there are {known}")


def _columns(pipeline: Pipeline) -> Columns:
    schema_dir = read_settings().schema_dir
    schemas = {name: read_schemas(schema_dir, name) for name in pipeline.stream_names}
    return {read_as(name): shape.columns.names for name, shape in pipeline_shapes(pipeline, schemas).items()}


def _document(found: Traced) -> dict[str, Any]:
    return {"name": found.name, "from": [_document(source) for source in found.sources]}


def _tree(found: Traced) -> Iterator[str]:
    yield found.name
    for place, source in enumerate(found.sources):
        is_last = place == len(found.sources) - 1
        first, *rest = _tree(source)
        yield f"{'└─' if is_last else '├─'} {first}"
        yield from (f"{'  ' if is_last else '│ '} {line}" for line in rest)
