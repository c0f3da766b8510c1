"""Writing a chunk: exceptions and silver in one commit each."""

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.edit import Edit, edited, files_edited, parts_of
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.tables import Table
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.rework.change import Change
from analytics_platform.pipeline.rework.scope import Held


def write_tables(change: Change, parts: Parts, epoch: int) -> None:
    """Commit what shall be; a table that holds it already gets no commit."""
    if change.rejudged is None:
        return
    others, scope = change.elsewhere, change.scope
    exceptions = Edit(
        replaced=change.exceptions,
        rows=_of(change.rejudged.exceptions, change.exceptions),
        removed=others.exceptions_gone,
        added=others.exceptions_come,
    )
    silver = Edit(
        replaced=change.silver,
        rows=_of(change.rejudged.silver, change.silver),
        removed=others.silver_gone,
        added=others.silver_come,
    )
    _write(parts.tables.of(scope.stream, Layer.EXCEPTIONS), exceptions, scope.exceptions, parts, epoch)
    _write(parts.tables.of(scope.stream, Layer.SILVER), silver, scope.silver, parts, epoch)


def _write(table: Table, edit: Edit, held: Held, parts: Parts, epoch: int) -> None:
    decided_on, files = table.version, files_edited(table.files(), edit, held.broken)
    if not edit.batches() and not held.broken:
        return
    broken = {file.path for file in held.broken}
    there = table.uris([file for file in files if file.path not in broken])
    rows = edited(read_files(parts.query, there, table.shape.columns), edit)
    spans = [(file.low["batch"], file.high["batch"]) for file in files]
    spans += [(number, number) for number in edit.batches()]
    if edit.replaced:
        spans.append((min(edit.replaced), max(edit.replaced)))
    table.replace(files, parts_of(rows, table.shape, spans), decided_on=decided_on, epoch=epoch)


def _of(rows: pa.Table, numbers: frozenset[int]) -> pa.Table:
    return rows.filter(pc.is_in(rows["batch"], value_set=pa.array(sorted(numbers), pa.int64())))
