"""Rows of exceptions as records: each partition's rows go to one partition, all of them, whatever they lack."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.ingest.dead_letter import blocks_of

PARTITIONS = st.lists(st.integers(0, 9), max_size=60).map(sorted)
ABOUT = {"stream": "orders", "topic": "orders-topic"}


def exceptions(partitions):
    count = len(partitions)
    return pa.table(
        {
            "partition": pa.array(partitions, pa.int32()),
            "offset": pa.array(range(count), pa.int64()),
            "batch": pa.array([7] * count, pa.int64()),
            "topic_id": pa.array(["t"] * count, pa.string()),
            "event_id": pa.nulls(count, pa.string()),
            "schema_id": pa.nulls(count, pa.int32()),
            "outcome": pa.array(["quarantined"] * count, pa.string()),
            "reason": pa.array(["tombstone"] * count, pa.string()),
            "key": pa.nulls(count, pa.binary()),
            "value": pa.nulls(count, pa.binary()),
        }
    )


@given(PARTITIONS, st.integers(1, 12))
def test_every_row_goes_to_the_partition_that_its_own_says(partitions, count):
    found = blocks_of(exceptions(partitions), ABOUT, 0, count)
    sent = {place: sum(block.records for block in blocks) for place, blocks in found.items()}
    assert sent == {place: sum(p % count == place for p in partitions) for place in {p % count for p in partitions}}
