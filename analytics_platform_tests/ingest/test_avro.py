import math
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.avro import LanePlan, compile_avro
from analytics_platform_tests.ingest.avro_samples import encoded, oracle, record, records, schema, values


def decode(bodies, writer, reader=None, skip=0):
    """The decoded rows and faults."""
    plan = compile_avro(schema(writer), schema(writer if reader is None else reader, version=2))
    table, faults = plan.decode(pa.array(bodies, pa.binary()), skip)
    table.validate(full=True)
    assert isinstance(plan, LanePlan)
    return table.to_pylist(), faults.to_pylist()


def same(found, expected):
    """Equality in which NaN equals NaN."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[name], expected[name]) for name in expected)
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    return found == expected


@st.composite
def mutated(draw, body):
    """A body with some bytes changed, cut off or added."""
    changed = bytearray(body)
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.sampled_from(["set", "cut", "add"])):
            case "set" if changed:
                changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
            case "cut":
                del changed[draw(st.integers(0, len(changed))) :]
            case "add":
                changed += draw(st.binary(min_size=1, max_size=3))
    return bytes(changed)


@settings(max_examples=150)
@given(st.data())
def test_whatever_fastavro_writes_is_read_as_fastavro_reads_it(data):
    source = data.draw(records())
    bodies = data.draw(st.lists(values(source).map(lambda value: encoded(source, value)), max_size=6))

    rows, faults = decode(bodies, source)

    assert faults == [None] * len(bodies)
    assert all(same(row, oracle(body, source)) for row, body in zip(rows, bodies, strict=True))


@settings(max_examples=300)
@given(st.data())
def test_a_broken_body_is_a_fault_or_read_as_fastavro_reads_it_and_harms_no_other(data):
    source = data.draw(records())
    body = values(source).map(lambda value: encoded(source, value))
    bodies = data.draw(st.lists(body | body.flatmap(mutated) | st.binary(max_size=12), max_size=6))

    rows, faults = decode(bodies, source)

    for row, fault, body in zip(rows, faults, bodies, strict=True):
        expected = oracle(body, source)
        if fault is None:
            assert same(row, expected), (body, expected)
        else:
            assert set(row.values()) <= {None}
            assert fault == "out of range" or expected is None or encoded(source, expected) != body


FIELDS = [("a", "long"), ("s", "string"), ("n", ["null", "double"]), ("b", "boolean"), ("e", "long")]
EVENT = record([*FIELDS[:-1], ("e", {"type": "enum", "name": "E", "symbols": ["X", "Y"]})])
GOOD = encoded(EVENT, {"a": 1, "s": "é", "n": 2.5, "b": True, "e": "Y"})  # 02 04 c3 a9 02 (8 bytes) 01 02


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "truncated"),
        (GOOD[:-1], "truncated"),
        (GOOD + b"\0", "trailing bytes"),
        (b"\xff" * 9 + b"\x02" + GOOD[1:], "varint too long"),
        (b"\xff" * 10 + b"\x01" + GOOD[1:], "varint too long"),
        (b"\xff" * 10, "varint too long"),
        (b"\xff" * 9, "truncated"),
        (GOOD[:1] + b"\x7e" + GOOD[2:], "truncated"),
        (GOOD[:1] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" + GOOD[2:], "truncated"),
        (GOOD[:1] + b"\x03" + GOOD[2:], "negative length"),
        (GOOD[:2] + b"\xc3\x28" + GOOD[4:], "bad utf-8"),
        (GOOD[:4] + b"\x04" + GOOD[5:], "bad union branch"),
        (GOOD[:4] + b"\x01" + GOOD[5:], "bad union branch"),
        (GOOD[:-2] + b"\x02" + GOOD[-1:], "bad boolean"),
        (GOOD[:-1] + b"\x04", "bad enum"),
        (GOOD[:-1] + b"\x01", "bad enum"),
    ],
)
def test_each_fault_has_its_name_and_the_rows_around_it_stay(body, fault):
    rows, faults = decode([GOOD, body, GOOD], EVENT)

    assert faults == [None, fault, None]
    assert rows[0] == rows[2] == {"a": 1, "s": "é", "n": 2.5, "b": True, "e": "Y"}


def test_an_int_outside_32_bits_a_time_outside_the_calendar_and_a_decimal_too_long_are_out_of_range():
    times = record([("i", "int"), ("t", {"type": "long", "logicalType": "timestamp-millis"})])
    exact = record([("d", {"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 1})])
    ints = record([("i", "long"), ("t", "long")])

    bodies = [encoded(ints, {"i": i, "t": t}) for i, t in [(2**31, 0), (0, 2**60), (0, 0)]]

    assert decode(bodies, times)[1] == ["out of range", "out of range", None]
    assert decode([b"\x04\x03\xe8", b"\x04\x03\xe7", b"\x22" + bytes(17)], exact)[1] == [
        "out of range",
        None,
        "out of range",
    ]


def test_blocks_join_without_a_seam_whether_rows_are_many_or_huge():
    source = record([("n", "long"), ("s", ["null", "string"])])
    small = [encoded(source, {"n": n, "s": None if n % 3 else str(n)}) for n in range(50)]
    large = encoded(source, {"n": 7, "s": "x" * (5 << 20)})
    bodies = [*small * 700, large, large, *small]

    plan = compile_avro(schema(source), schema(source))
    table, faults = plan.decode(pa.array(bodies, pa.binary()))

    assert faults.null_count == len(bodies)
    assert table["n"].to_pylist() == [*list(range(50)) * 700, 7, 7, *range(50)]
    assert table["s"].slice(35_002).to_pylist() == [None if n % 3 else str(n) for n in range(50)]
    assert table["s"][35_001].as_py() == "x" * (5 << 20)


def test_a_prefix_is_skipped_and_a_slice_of_an_array_is_read_from_its_own_start():
    plan = compile_avro(schema(EVENT), schema(EVENT))
    bodies = pa.array([b"\0\0\0\0\1" + GOOD, b"\0\0\0\0\1", b"\0\0\0\0\1" + GOOD], pa.binary())

    table, faults = plan.decode(bodies.slice(1), 5)

    assert faults.to_pylist() == ["truncated", None]
    assert table["s"].to_pylist() == [None, "é"]


def test_columns_do_not_depend_on_there_being_rows():
    plan = compile_avro(schema(EVENT), schema(EVENT))

    empty, faults = plan.decode(pa.array([], pa.binary()))

    assert empty.schema == plan.columns == plan.decode(pa.array([GOOD], pa.binary()))[0].schema
    assert len(empty) == len(faults) == 0


def test_a_length_that_lies_takes_no_memory():
    bodies = pa.array([b"\xfe\xff\xff\xff\x0f"] * 10, pa.binary())
    plan = compile_avro(schema(record([("s", "string")])), schema(record([("s", "string")])))
    tracemalloc.start()

    _, faults = plan.decode(bodies)

    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert faults.to_pylist() == ["truncated"] * 10


@pytest.mark.parametrize(
    "source", ["long", {"type": "array", "items": "long"}, {"type": "nonsense"}, {"no": "type"}, 5]
)
def test_what_is_no_record_is_refused(source):
    with pytest.raises(DeclarationError, match="s-value version 1"):
        compile_avro(schema(source), schema(source))
