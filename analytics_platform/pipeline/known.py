"""What alerts need to know of what is declared: owners, pipelines, and where each column's values come from. Pure."""

from collections.abc import Mapping

from analytics_platform.alerts.alert import Column, Known
from analytics_platform.facts import StreamSchemas
from analytics_platform.lake.lineage import column_lineage
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.parts import pipeline_shapes, read_as
from analytics_platform.product import Catalog, Pipeline


def known_of(declared: Catalog, schemas: Mapping[str, StreamSchemas]) -> Known:
    """Of every stream and model whose schemas are given."""
    pipelines: dict[str, str] = {}
    owners: dict[str, str] = {}
    origins: dict[Column, list[Column]] = {}
    for pipeline in declared.pipelines.values():
        pipelines[pipeline.name] = pipeline.name
        for product in (*pipeline.streams, *pipeline.models):
            asset = _asset(product.name, pipeline)
            pipelines[asset], owners[asset] = pipeline.name, product.owner
        owners[pipeline.name] = pipeline.streams[0].owner
        if schemas.keys() >= set(pipeline.stream_names):
            origins |= _origins(pipeline, schemas)
    return Known(pipelines=pipelines, owners=owners, origins=origins)


def _origins(pipeline: Pipeline, schemas: Mapping[str, StreamSchemas]) -> dict[Column, list[Column]]:
    shapes = pipeline_shapes(pipeline, schemas)
    columns = {read_as(name): tuple(shape.columns.names) for name, shape in shapes.items()}
    found: dict[Column, list[Column]] = {}
    for model in pipeline.models:
        inputs = {name: columns[name] for name in model.inputs}
        for column, sources in column_lineage(model, inputs).items():
            found[model.name, column] = [(_asset(name, pipeline), source) for name, source in sources]
    return found


def _asset(name: str, pipeline: Pipeline) -> str:
    return f"{name}/{Layer.SILVER}" if name in pipeline.stream_names else name
