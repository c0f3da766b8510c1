"""kafka-python's own record classes write the batches and are the oracle for reading them."""

import struct
import zlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from analytics_platform.errors import MalformedBatchError, OldFormatError
from analytics_platform.ingest.record_batch import (
    decode_batches,
    decode_chunks,
    next_offset,
)
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform_tests.ingest.batches import NOW_MS, batch, control, fetched, sealed, varint

HEADERS = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=5)
RECORDS = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**40), st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=300), HEADERS
    ),
    max_size=60,
)


def rows(table):
    assert table.schema == RECORDS_SCHEMA
    table.validate(full=True)
    at = table["broker_at"].cast(pa.int64()).to_pylist()
    headers = [[(h["key"], h["value"]) for h in row] for row in table["headers"].to_pylist()]
    columns = [table[name].to_pylist() for name in ("partition", "offset", "key", "value")]
    return list(zip(*columns, headers, at, strict=True))


def as_kafka_python_reads(raw):
    return [
        (3, r.offset, r.key, r.value, r.headers, r.timestamp * 1000)
        for r in DefaultRecordBatch(raw)
        if r.timestamp is not None
    ]


@given(st.lists(st.tuples(RECORDS, st.sampled_from(["none", "gzip", "lz4", "zstd"])), max_size=6))
def test_batches_of_every_codec_decode_as_kafka_python_decodes_them(drawn):
    raws, base = [], 0
    for records, codec in drawn:
        raws.append(batch(records, base=base, codec=codec))
        base += max(1, len(records))

    assert rows(decode_batches(fetched(*raws))) == [row for raw in raws for row in as_kafka_python_reads(raw)]


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(30, 60))
def test_many_batches_walked_in_step_decode_as_one_by_one(random, lanes):
    headers = [[], [("a", b"1")], [("a", None), ("b", b"2" * 99), ("c", b"")]]
    raws = [
        batch(
            [(n, None, bytes(random.randrange(300)), random.choice(headers)) for n in range(random.randrange(12))],
            base=100 * number,
        )
        for number in range(lanes)
    ]

    assert rows(decode_batches(fetched(*raws))) == [row for raw in raws for row in as_kafka_python_reads(raw)]


@pytest.mark.parametrize("size", [0, 63, 64, 8191, 8192, 1_048_575, 1_048_576, 2_500_000])
@pytest.mark.parametrize("lanes", [1, 40])
def test_values_around_every_length_of_a_varint_are_read(size, lanes):
    raws = [batch([(0, b"k", bytes(size if n == 7 else 5), [])] * 2, base=2 * n) for n in range(max(lanes, 8))]

    sizes = [len(value) for value in decode_batches(fetched(*raws))["value"].to_pylist()]

    assert sizes == [s for n in range(max(lanes, 8)) for s in [size if n == 7 else 5] * 2]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 500))
def test_only_wanted_offsets_come_out_whatever_the_chunks(start, end, chunk_bytes):
    raws = [batch([(0, None, b"v" * 20, [])] * 5, base=5 * n, codec="zstd") for n in range(7)]

    chunks = list(decode_chunks(fetched(*raws, start=start, end=end), chunk_bytes))

    assert [o for chunk in chunks for o in chunk["offset"].to_pylist()] == list(range(start, min(end, 35)))


@given(st.integers(0, 400))
def test_a_batch_that_is_not_complete_is_left_for_the_next_fetch(cut):
    raws = [batch([(0, b"key", b"value", [])] * 3, base=3 * n) for n in range(3)]
    whole = b"".join(raws)[:cut]
    complete = min(3, cut // len(raws[0]))

    assert decode_batches(fetched(whole))["offset"].to_pylist() == list(range(3 * complete))
    assert next_offset(whole, 1) == max(1, 3 * complete)


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=40))
def test_records_that_compaction_left_keep_their_offsets(kept):
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, 0, 0, 1 << 30)
    for delta in sorted(kept):
        builder.append(delta, NOW_MS, None, b"v", [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, 500)

    assert decode_batches(fetched(bytes(raw)))["offset"].to_pylist() == [500 + delta for delta in sorted(kept)]


def test_compacted_offsets_at_the_end_of_a_batch_move_the_position():
    raw = bytearray(batch([(0, None, b"v", [])] * 2, base=10))
    struct.pack_into(">i", raw, 23, 99)

    assert decode_batches(fetched(sealed(raw)))["offset"].to_pylist() == [10, 11]
    assert next_offset(sealed(raw), 10) == 110


def test_aborted_transactions_and_control_records_do_not_come_out():
    raws = [
        batch([(0, None, b"aborted", [])] * 2, base=0, producer=7, transactional=True),
        batch([(0, None, b"committed", [])], base=2, producer=8, transactional=True),
        control(3, 7, commit=False),
        batch([(0, None, b"committed later", [])], base=4, producer=7, transactional=True),
        control(5, 8, commit=True),
        batch([(0, None, b"plain", [])], base=6, producer=7),
        batch([(0, None, b"aborted", [])], base=7, producer=8, transactional=True),
        control(8, 8, commit=False),
        control(9, 7, commit=True),
    ]

    table = decode_batches(fetched(*raws, aborted=((8, 7), (7, 0))))

    assert table["value"].to_pylist() == [b"committed", b"committed later", b"plain"]
    assert table["offset"].to_pylist() == [2, 4, 6]
    assert next_offset(b"".join(raws), 0) == 10


def test_the_brokers_clock_counts_where_the_topic_says_so():
    raw = batch([(5, None, b"v", []), (9, None, b"v", [])], attributes=0x08)

    assert decode_batches(fetched(raw))["broker_at"].cast(pa.int64()).to_pylist() == [(NOW_MS + 9) * 1000] * 2


def test_times_beyond_the_calendar_are_moved_to_its_ends():
    raw = batch([(0, None, b"v", []), (2**62, None, b"v", [])])

    assert decode_batches(fetched(raw))["broker_at"].to_pylist()[1].year == 9999


def test_a_header_name_that_is_not_utf8_is_shown_with_replacement_marks():
    raw = batch([(0, None, None, [("name", b"v")])])
    spoilt = sealed(raw.replace(b"name", b"n\xffme"))

    assert decode_batches(fetched(spoilt))["headers"].to_pylist() == [[{"key": "n�me", "value": b"v"}]]


def test_snappy_is_read_as_one_block_and_in_xerial_frames():
    records = [(0, b"k", b"v" * 500, [])] * 9
    plain, bare = batch(records), batch(records, codec="snappy")
    blocks = [pa.Codec("snappy").compress(part, asbytes=True) for part in (plain[61:400], plain[400:])]
    framed = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1) + b"".join(struct.pack(">i", len(b)) + b for b in blocks)

    for raw in (bare, sealed(bare[:61] + framed)):
        assert rows(decode_batches(fetched(raw))) == as_kafka_python_reads(plain)


def test_messages_from_before_batches_are_refused_by_name():
    raw = struct.pack(">qiiB", 0, 20, 0, 1) + bytes(15)

    with pytest.raises(OldFormatError, match="message format 1"):
        decode_batches(fetched(raw))


@pytest.mark.parametrize("count", [-1, 3, 2**31 - 1])
def test_a_lying_record_count_is_refused(count):
    raw = bytearray(batch([(0, None, b"v", [])] * 2))
    struct.pack_into(">i", raw, 57, count)

    with pytest.raises(MalformedBatchError, match="bids-3 at offset 0"):
        decode_batches(fetched(sealed(raw)))


VALID = [
    batch([(n, b"key", b"value" * n, [("a", b"1"), ("b", None)][: n % 3]) for n in range(20)], base=20 * k)
    for k in range(40)
]


@given(st.integers(1, 40), st.data())
def test_flipped_bytes_are_refused_or_change_nothing(lanes, data):
    """The base offset and the leader's epoch are outside the checksum, so the first 17 bytes stay as they are."""
    raws = VALID[:lanes]
    victim = data.draw(st.integers(0, lanes - 1))
    broken = bytearray(raws[victim])
    broken[data.draw(st.integers(17, len(broken) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises((MalformedBatchError, OldFormatError)):
        decode_batches(fetched(*raws[:victim], bytes(broken), *raws[victim + 1 :]))


@given(st.sampled_from([1, 40]), st.data())
def test_hostile_bytes_under_a_right_checksum_are_refused_or_give_valid_rows(lanes, data):
    raws = list(VALID[:lanes])
    victim = data.draw(st.integers(0, lanes - 1))
    body = bytearray(raws[victim])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(21, len(body) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "ones"]))
        if kind == "flip":
            body[at] = data.draw(st.integers(0, 255))
        elif kind == "cut" and at > 61:
            del body[at : at + data.draw(st.integers(1, 9))]
        elif kind == "insert" and at > 61:
            body[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        else:
            body[at : at + 4] = b"\xff\xff\xff\xff"[: len(body) - at]
    raws[victim] = sealed(body)

    try:
        table = decode_batches(fetched(*raws))
    except MalformedBatchError as error:
        assert error.topic == "bids" and error.partition == 3
    else:
        table.validate(full=True)
        offsets = table["offset"].to_pylist()
        assert offsets == sorted(set(offsets))


@given(st.binary(max_size=400))
def test_noise_is_refused_or_empty(raw):
    try:
        assert decode_batches(fetched(raw)).num_rows == 0
    except (MalformedBatchError, OldFormatError) as error:
        assert "bids-3" in str(error)
    assert next_offset(raw, 5) >= 5


@given(st.binary(min_size=1, max_size=200), st.sampled_from([0, 1, 2, 3, 4, 5]), st.integers(0, 60))
def test_noise_under_a_right_header_is_refused(noise, codec, count):
    raw = bytearray(VALID[0][:61] + noise)
    raw[22] = codec
    struct.pack_into(">i", raw, 57, count)

    try:
        assert decode_batches(fetched(sealed(raw))).num_rows == count
    except MalformedBatchError as error:
        assert error.offset == 0


def test_a_record_with_a_great_many_headers_is_read_in_linear_time():
    raw = bytearray(batch([(0, None, None, [])]))
    count = 200_000
    fields = b"\0\0\0\x01\x01" + varint(count) + b"\0\x01" * count
    raw[61:] = varint(len(fields)) + fields

    (headers,) = decode_batches(fetched(sealed(raw)))["headers"].to_pylist()
    assert headers == [{"key": "", "value": None}] * count


def test_gzip_in_several_members_is_one_payload():
    plain = batch([(0, None, b"v" * 99, [])] * 4)
    members = b""
    for part in (plain[61:150], plain[150:]):
        squeeze = zlib.compressobj(wbits=31)
        members += squeeze.compress(part) + squeeze.flush()
    raw = bytearray(plain[:61] + members)
    raw[22] |= 1

    assert rows(decode_batches(fetched(sealed(raw)))) == as_kafka_python_reads(plain)
