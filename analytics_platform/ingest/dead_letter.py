"""Rows of exceptions as Kafka records: the bytes as they were read, and in headers what became of them. Pure."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.ingest.encode_batch import RecordBlock, RecordColumns, encode_blocks

RULE = "rule "  # how the reason of a row begins that breaks a row rule


def blocks_of(rows: pa.Table, about: Mapping[str, str], at_ms: int, partitions: int) -> dict[int, list[RecordBlock]]:
    """By partition of a topic with so many, what is to be sent. A partition's rows stay together, in their order.

    Args:
        rows: of exceptions, with `topic_id` beside their columns, ordered by partition, batch and offset.
        about: what all of them share: `stream` and `topic`.
        at_ms: the records' timestamp, in ms since 1970.
        partitions: of the topic that they are sent to.
    """
    places = np.asarray(rows["partition"]) % partitions
    found = {place: rows.filter(pa.array(places == place)).combine_chunks() for place in np.unique(places).tolist()}
    return {place: encode_blocks(_records(own, about, at_ms)) for place, own in found.items()}


def _records(rows: pa.Table, about: Mapping[str, str], at_ms: int) -> RecordColumns:
    return RecordColumns(
        keys=_binary(rows["key"]),
        values=_binary(rows["value"]),
        timestamps=np.full(rows.num_rows, at_ms, np.int64),
        headers={f"ap.{name}": _binary(column) for name, column in _told(rows, about).items()},
    )


def _told(rows: pa.Table, about: Mapping[str, str]) -> dict[str, pa.ChunkedArray]:
    """By header, its text. `id` is the same whenever a row is sent again."""
    partition, offset, reason = _text(rows["partition"]), _text(rows["offset"]), rows["reason"]
    is_rule = pc.starts_with(reason, RULE)
    return {
        **{name: pa.chunked_array([pa.array([value] * rows.num_rows, pa.string())]) for name, value in about.items()},
        "id": pc.binary_join_element_wise(rows["topic_id"], partition, offset, ":"),
        "partition": partition,
        "offset": offset,
        "batch": pc.binary_join_element_wise(about["stream"], _text(rows["batch"]), "/"),
        "outcome": rows["outcome"],
        "reason": reason,
        "rule": pc.if_else(is_rule, pc.utf8_slice_codeunits(reason, len(RULE)), pa.scalar(None, pa.string())),
        "schema-id": _text(rows["schema_id"]),
        "event-id": rows["event_id"],
    }


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _binary(column: pa.ChunkedArray) -> pa.BinaryArray:
    return column.cast(pa.binary()).combine_chunks()
