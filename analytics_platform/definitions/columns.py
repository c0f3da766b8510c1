"""Columns as Dagster shows them. Pure."""

from collections.abc import Mapping

import dagster as dg
import pyarrow as pa

from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.lake import shapes
from analytics_platform.lake.meaning import OURS, meanings
from analytics_platform.lake.shapes import Layer


def stream_columns(stream: str, schemas: StreamSchemas) -> dict[Layer, dg.TableSchema]:
    """The columns of a stream's three tables, each with what it means."""
    known = meanings(schemas.reader)
    silver = shapes.silver(stream, reader_columns(schemas.reader))
    return {
        Layer.BRONZE: table_schema(shapes.bronze(stream).columns, OURS),
        Layer.SILVER: table_schema(silver.columns, known),
        Layer.EXCEPTIONS: table_schema(shapes.exceptions(stream).columns, OURS),
    }


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
