import pyarrow as pa
import pytest

from analytics_platform.ingest.record_codecs import inflate

NUMBERS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
STREAM = {"gzip", "lz4", "zstd"}


def deflated(codec, data):
    if codec not in STREAM:
        return memoryview(pa.Codec(codec).compress(data, asbytes=True))
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return memoryview(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("codec", NUMBERS)
@pytest.mark.parametrize("size", [0, 1, 70_000, 1 << 20])
def test_what_was_deflated_comes_back_up_to_the_limit(codec, size):
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    assert bytes(inflate(NUMBERS[codec], deflated(codec, data), 1 << 20)) == data


@pytest.mark.parametrize("codec", NUMBERS)
def test_a_decompression_bomb_is_refused_at_the_limit(codec):
    bomb = deflated(codec, bytes(50 << 20))

    with pytest.raises(ValueError, match="inflates to more than 1048576 bytes"):
        inflate(NUMBERS[codec], bomb, 1 << 20)


@pytest.mark.parametrize("codec", NUMBERS)
def test_noise_and_cut_off_streams_are_no_crash(codec):
    whole = deflated(codec, b"some text, twice. some text, twice. " * 200)

    for body in (memoryview(b"noise" * 9), whole[: len(whole) // 2]):
        try:
            assert bytes(inflate(NUMBERS[codec], body, 1 << 20)) in b"some text, twice. " * 400
        except ValueError as error:
            assert codec in str(error)


def test_a_codec_that_kafka_does_not_have_is_named():
    with pytest.raises(ValueError, match="codec 5 is unknown"):
        inflate(5, memoryview(b""), 1 << 20)
