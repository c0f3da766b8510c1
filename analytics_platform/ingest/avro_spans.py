"""Where the values of Avro bodies are, and other values in their place: side by side, or one body after another. Pure.

A field that is dropped takes no bytes afterwards: the schema that the new bodies are read by does not have it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import Schema
from analytics_platform.ingest.avro import LanePlan, blocks_of, source_of
from analytics_platform.ingest.avro_lanes import Fault
from analytics_platform.ingest.avro_rows import UNREADABLE, RowReader
from analytics_platform.ingest.avro_steps import Optional
from analytics_platform.ingest.encode_batch import varints
from analytics_platform.ingest.protectable import NewValues, Understood
from analytics_platform.ingest.records import int_array
from analytics_platform.ingest.splice import NOTHING, Span, bounds_of, spliced


def understand_avro(
    bodies: pa.BinaryArray, skip: int, plan: LanePlan | RowReader, new: Schema, wanted: Sequence[str]
) -> Iterator[Understood]:
    """The bodies that can be read to their end, with the fields that are wanted; the others are not understood.

    `plan` reads the writer's schema with itself, `new` is what the new bodies are written in.
    """
    if isinstance(plan, LanePlan):
        yield LaneBodies(bodies, skip, plan, wanted)
    else:
        yield RowBodies(bodies, skip, plan, new, wanted)


class LaneBodies:
    """Bodies of plain types."""

    def __init__(self, bodies: pa.BinaryArray, skip: int, plan: LanePlan, wanted: Sequence[str]) -> None:
        source = source_of(bodies)
        columns = {name: column for name, column in plan.fields.columns(source).items() if name in wanted}
        self._bodies, self._steps = bodies, {name: step for name, step in plan.fields.steps if name in columns}
        self._spans = {name: np.zeros((2, len(bodies)), np.int64) for name in columns}
        for lanes in blocks_of(source, skip):
            for name, step in plan.fields.steps:
                if name not in columns:
                    step.read(lanes, None)
                    continue
                self._spans[name][0, lanes.rows] = lanes.pos + lanes.base
                step.read(lanes, columns[name])
                self._spans[name][1, lanes.rows] = lanes.pos + lanes.base
            lanes.finish()
        for column in columns.values():
            column.settle()
        good = source.faults == Fault.NONE
        self.rows = np.flatnonzero(good)
        chosen = int_array(self.rows)
        self.values: Mapping[str, pa.Array] = {
            name: columns[name].finish(good).take(chosen) if name in columns else pa.nulls(len(self.rows), pa.string())
            for name in wanted
        }

    def rebuilt(self, new: NewValues) -> pa.BinaryArray:
        """With those values in the place of theirs."""
        starts, ends = (bound[self.rows] for bound in bounds_of(self._bodies))
        spans = []
        for name in (name for name in self._steps if name in new):
            first, last = self._spans[name][:, self.rows]
            spans.append(Span(starts=first, ends=last, new=_written(new[name], self.values[name], self._steps[name])))
        return spliced(self._bodies.buffers()[2], starts, ends, spans)


def _written(new: pa.Array | None, old: pa.Array, step: Any) -> pa.BinaryArray | pa.Scalar:
    """The values as Avro writes them."""
    if new is None:
        return NOTHING
    if pa.types.is_integer(new.type):
        texts, parts = None, [np.asarray(new.fill_null(0))]
    else:
        texts = new.fill_null("").cast(pa.binary())
        parts = [np.asarray(pc.binary_length(texts)).astype(np.int64)]
    branch = step.value_branch if isinstance(step, Optional) else None
    if branch is not None:
        parts = [np.full(len(new), branch, np.int64), *parts]
    head = varints(parts)
    there = head if texts is None else pc.binary_join_element_wise(head, texts, NOTHING)
    if branch is None:
        return there
    return pc.if_else(pc.is_valid(old), there, pa.scalar(bytes([2 * (1 - branch)]), pa.binary()))


class RowBodies:
    """Bodies of other types, one by one."""

    def __init__(self, bodies: pa.BinaryArray, skip: int, plan: RowReader, new: Schema, wanted: Sequence[str]) -> None:
        self._written = plan.writer
        self._new = fastavro.parse_schema(json.loads(new.text))
        read = [(row, body[:skip], self._read(body[skip:])) for row, body in enumerate(bodies.to_pylist())]
        self._found = [(row, prefix, value) for row, prefix, value in read if value is not None]
        self.rows = np.array([row for row, _, _ in self._found], np.int64)
        types = {field.name: field.type for field in plan.columns}
        self.values: Mapping[str, pa.Array] = {
            name: pa.array([value.get(name) for _, _, value in self._found], types.get(name, pa.string()))
            for name in wanted
        }

    def rebuilt(self, new: NewValues) -> pa.BinaryArray:
        """With those values in the place of theirs."""
        listed = {name: values.to_pylist() for name, values in new.items() if values is not None}
        bodies = [
            prefix + self._body({**value, **{name: values[place] for name, values in listed.items()}})
            for place, (_, prefix, value) in enumerate(self._found)
        ]
        return pa.array(bodies, pa.binary())

    def _read(self, body: bytes) -> dict[str, Any] | None:
        source = BytesIO(body)
        try:
            value: Any = fastavro.schemaless_reader(source, self._written, None)
        except UNREADABLE:
            return None
        return value if source.tell() == len(body) else None

    def _body(self, value: Mapping[str, Any]) -> bytes:
        out = BytesIO()
        fastavro.schemaless_writer(out, self._new, value)
        return out.getvalue()
