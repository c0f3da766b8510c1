"""What has no record is counted from the headers of batches, whatever the decoder makes of their records."""

import struct
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from analytics_platform.ingest.record_batch import decode_chunks, next_offset
from analytics_platform.ingest.records import Gap
from analytics_platform_tests.ingest.batches import NOW_MS, batch, control, fetched


def compacted(base, deltas, last):
    """A batch of which only these deltas are left."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, 0, 0, 1 << 30)
    for delta in sorted({*deltas, last}):
        builder.append(delta, NOW_MS, None, b"v" * delta, [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    return bytes(raw)


def counted(*raw, **options):
    gaps = Counter()
    rows = sum(table.num_rows for table in decode_chunks(fetched(*raw, **options), gaps=gaps))
    return rows, {kind: count for kind, count in gaps.items() if count}


def test_markers_aborted_records_and_holes_are_told_apart():
    records = [(0, None, b"v", [])]
    raw = [
        batch(records * 2, base=0),
        batch(records * 3, base=2, producer=7, transactional=True),
        control(5, 7, commit=False),
        batch(records, base=9),
    ]

    assert counted(*raw, start=0, end=10, aborted=[(7, 2)]) == (
        3,
        {Gap.ABORTED: 3, Gap.CONTROL: 1, Gap.MISSING: 3},
    )


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 20), max_size=9), st.integers(0, 20)), max_size=6),
    st.integers(0, 150),
    st.integers(0, 150),
    st.integers(1, 400),
)
def test_rows_and_gaps_make_up_the_range_wherever_it_is_cut(drawn, start, end, chunk_bytes):
    raws, base = [], 0
    for hole, deltas, last in drawn:
        base += hole
        raws.append(compacted(base, {d for d in deltas if d < last}, last))
        base += last + 1
    start, end = min(start, base), min(max(start, end), base)
    gaps = Counter()

    rows = sum(t.num_rows for t in decode_chunks(fetched(*raws, start=start, end=end), chunk_bytes, gaps))

    assert rows + gaps.total() == end - start
    assert gaps.keys() <= {Gap.MISSING}


@given(st.integers(0, 30))
def test_counts_go_on_from_one_fetch_to_the_next(cut):
    raws = [compacted(10 * n, {1, 4, 5}, 7) for n in range(3)]
    first, rest = b"".join(raws[: cut % 4]), b"".join(raws[cut % 4 :])
    gaps = Counter()
    position = next_offset(first, 0)

    rows = sum(t.num_rows for t in decode_chunks(fetched(first, start=0, end=28), gaps=gaps))
    rows += sum(t.num_rows for t in decode_chunks(fetched(rest, start=position, end=28), gaps=gaps))

    assert (rows, gaps.total()) == (12, 16)
