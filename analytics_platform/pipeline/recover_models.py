"""Computing models anew from what their inputs hold: after the ledger was lost, or when their columns changed."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.grains import grains_touched
from analytics_platform.lake.model import touched_by
from analytics_platform.lake.shapes import DataFile
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import dirty, expired
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model

STEP_BYTES = 32 << 20  # of files read together, compressed


def renew_outdated(parts: Parts, epoch: int) -> list[str]:
    """Empty the models whose columns are declared otherwise now, after having all of each recomputed; their names."""
    outdated = [model for model in parts.pipeline.models if parts.tables.by_name[model.name].is_outdated]
    for model in outdated:
        mark_everything(model, "its columns changed", parts)
        mark_readers(model, f"columns of {model.name} changed", parts)
        parts.tables.by_name[model.name].renew(epoch)
    return [model.name for model in outdated]


def mark_everything(model: Model, cause: str, parts: Parts) -> int:
    """Have every grain of the model recomputed that its inputs hold rows of; returns how many rows were read.

    What retention has begun to take stays as it is: recomputed from half of its rows it would be wrong.
    """
    read = 0
    for name in model.inputs:
        table, column = parts.tables.input(name), touched_by(model, name)
        gone_until = expired.gone(parts.ledger, [name]).get(name)
        for rows in _steps(table, table.files(), column, parts):
            read += rows.num_rows
            if gone_until is not None:
                rows = rows.filter(pc.greater_equal(rows["event_at"], gone_until))
            dirty.mark(parts.ledger, {model.name: grains_touched(rows[column], model.grain)}, cause)
    return read


def mark_readers(model: Model, cause: str, parts: Parts) -> None:
    """Have everything recomputed that the model's readers hold, to be done before rows of the model vanish.

    What comes instead marks only grains that it belongs to; and which grains vanish, damaged files cannot say.
    """
    for reader in parts.pipeline.readers(model.name):
        table, column = parts.tables.by_name[reader.name], reader.grain.column
        if table.is_outdated:  # it is emptied itself
            continue
        damaged = {file.path for file in table.missing(table.files())}  # their rows are no longer there
        for rows in _steps(table, [file for file in table.files() if file.path not in damaged], column, parts):
            dirty.mark(parts.ledger, {reader.name: grains_touched(rows[column], reader.grain)}, cause)


def rows_to_read(model: Model, parts: Parts) -> int:
    """How many rows `mark_everything` would read."""
    return sum(parts.tables.input(name).rows() for name in model.inputs)


def _steps(table: Table, files: Sequence[DataFile], column: str, parts: Parts) -> Iterator[pa.Table]:
    """The files' rows with that column, and their event time if they have one, some files at a time."""
    names = [name for name in dict.fromkeys((column, "event_at")) if name in table.shape.columns.names]
    columns = pa.schema([table.shape.columns.field(name) for name in names])
    for portion in _portions(files):
        yield parts.rows(table, portion, columns)


def _portions(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    portion: list[DataFile] = []
    for file in files:
        portion.append(file)
        if sum(taken.size for taken in portion) >= STEP_BYTES:
            yield portion
            portion = []
    if portion:
        yield portion
