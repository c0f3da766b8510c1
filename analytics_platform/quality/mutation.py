"""Good rows made bad, one column and one kind of fault at a time: what no check notices, a contract lacks. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SHARE = 0.1  # of the rows that are made bad by null and duplicate; shift and unit hit all of them
UNIT = 100  # euros for cents
DAYS = 30
MILLIS = 1000  # seconds for milliseconds


class Fault(StrEnum):
    """What is done to a column."""

    NULL = "null"
    DUPLICATE = "duplicate"
    SHIFT = "shift"
    UNIT = "unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """Rows of which one column was made bad."""

    column: str
    fault: Fault
    rows: pa.Table


def mutants(rows: pa.Table, columns: list[str]) -> Iterator[Mutant]:
    """Every fault of every one of those columns that makes its values other than they are."""
    for name in columns:
        for fault in Fault:
            changed = _mutated(rows[name].combine_chunks(), fault)
            if changed is not None and not changed.equals(rows[name].combine_chunks()):
                place = rows.schema.get_field_index(name)
                bad = rows.set_column(place, rows.schema.field(name), changed)
                yield Mutant(column=name, fault=fault, rows=bad)


def _mutated(values: pa.Array, fault: Fault) -> pa.Array | None:
    """None where a column of that type cannot have the fault."""
    every = np.arange(len(values)) % round(1 / SHARE) == 0
    if fault is Fault.NULL:
        return pc.if_else(pa.array(every), pa.scalar(None, values.type), values)
    if fault is Fault.DUPLICATE:
        return values.take(pa.array(np.where(every, 0, np.arange(len(values)))))
    if pa.types.is_timestamp(values.type):
        return _moved(values, fault)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return _rescaled(values, fault)
    if pa.types.is_string(values.type) and fault is Fault.SHIFT:
        return pc.utf8_reverse(values)  # as if a field of another kind had slipped in
    return None


def _moved(values: pa.Array, fault: Fault) -> pa.Array:
    if fault is Fault.SHIFT:
        return pc.add(values, pa.scalar(timedelta(days=DAYS)).cast(pa.duration("us"))).cast(values.type)
    return pc.divide(values.cast(pa.int64()), MILLIS).cast(values.type)


def _rescaled(values: pa.Array, fault: Fault) -> pa.Array:
    if fault is Fault.UNIT:
        return pc.divide(values, pa.scalar(UNIT, values.type))
    wide = pc.subtract(pc.max(values), pc.min(values))
    moved = pc.subtract(values, pc.add(wide, pa.scalar(1, wide.type)))
    return moved.cast(values.type)
