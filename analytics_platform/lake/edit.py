"""How a table's files change when batches, or single rows of them, are rewritten. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.prune import files_with_any
from analytics_platform.lake.select import place_hashes
from analytics_platform.lake.shapes import COORDINATES, DataFile, TableShape

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a table shall hold: `rows` for the batches `replaced`, and elsewhere `added` rows in the place of `removed`.

    Of the rows to remove only their coordinates count.
    """

    replaced: frozenset[int]
    rows: pa.Table
    removed: pa.Table
    added: pa.Table

    def batches(self) -> list[int]:
        """Every batch that it changes, ascending."""
        elsewhere = [number for table in (self.removed, self.added) for number in table["batch"].unique().to_pylist()]
        return sorted({*self.replaced, *elsewhere})


def files_edited(files: Sequence[DataFile], edit: Edit, broken: Sequence[DataFile]) -> list[DataFile]:
    """The files that the edit takes away: those that can hold rows it changes, and the broken ones."""
    found = {file.path: file for file in (*files_with_any(files, "batch", edit.batches()), *broken)}
    return list(found.values())


def edited(rows: pa.Table, edit: Edit) -> pa.Table:
    """The rows of the files that are taken away, as they shall be."""
    replaced = pc.is_in(rows["batch"], value_set=pa.array(sorted(edit.replaced), pa.int64()))
    kept = rows.filter(pc.invert(replaced))
    if edit.removed.num_rows:
        kept = kept.filter(pa.array(~np.isin(place_hashes(kept), place_hashes(edit.removed))))
    return pa.concat_tables([table.select(rows.column_names) for table in (kept, edit.rows, edit.added)])


def parts_of(rows: pa.Table, shape: TableShape, spans: Collection[Span]) -> list[pa.Table]:
    """The rows cut into one part for each stretch of batches that spans cover, so that files stay narrow; sorted."""
    batches = np.asarray(rows["batch"])
    parts = [rows.filter(pa.array((batches >= first) & (batches <= last))) for first, last in merged(spans)]
    order = [(name, "ascending") for name in dict.fromkeys((*shape.sorted_by, *COORDINATES))]
    return [part.sort_by(order).combine_chunks() for part in parts if part.num_rows]


def merged(spans: Collection[Span]) -> list[Span]:
    """Spans, both ends included, ascending and without overlap."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found
