"""Columns as Dagster shows them. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
import pyarrow as pa

from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.lake import shapes
from analytics_platform.lake.lineage import column_lineage
from analytics_platform.lake.meaning import OURS, meanings
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.tables import Table
from analytics_platform.product import Model, Stream


def stream_columns(stream: str, schemas: StreamSchemas) -> dict[Layer, dg.TableSchema]:
    """The columns of a stream's three tables, each with what it means."""
    known = meanings(schemas.reader)
    silver = shapes.silver(stream, reader_columns(schemas.reader))
    return {
        Layer.BRONZE: table_schema(shapes.bronze(stream).columns, OURS),
        Layer.SILVER: table_schema(silver.columns, known),
        Layer.EXCEPTIONS: table_schema(shapes.exceptions(stream).columns, OURS),
    }


def silver_columns(stream: Stream, schemas: StreamSchemas, table: Table) -> dict[str, Any]:
    """Silver's columns as they are now, whichever version was published since Dagster loaded, and their topic's fields.

    A column that only older versions have comes from the topic too.
    """
    fields = [name for name in table.shape.columns.names if name not in OURS]
    topic = dg.AssetKey(["topic", stream.topic])
    return {
        "dagster/column_schema": table_schema(table.shape.columns, meanings(schemas.reader)),
        "dagster/column_lineage": dg.TableColumnLineage({name: [dg.TableColumnDep(topic, name)] for name in fields}),
        "schema version": schemas.reader.version,
    }


@cache
def lineage_metadata(model: Model, inputs: tuple[tuple[str, bool, tuple[str, ...]], ...]) -> dg.TableColumnLineage:
    """From which columns of which tables each column comes; each input by name, whether it is a stream, and columns.

    Worked out once a process: it parses SQL.
    """
    keys = {name: dg.AssetKey([name, Layer.SILVER.value] if is_stream else [name]) for name, is_stream, _ in inputs}
    found = column_lineage(model, {name: columns for name, _, columns in inputs})
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(keys[name], source) for name, source in origins]
            for column, origins in found.items()
        }
    )


def table_schema(columns: pa.Schema, known: Mapping[str, str]) -> dg.TableSchema:
    """Those columns, described where it is known what they mean."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                str(column.type),
                description=known.get(column.name),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in columns
        ]
    )
