"""Codes made side by side are those of the standard, whatever the lengths; the library's own CMAC is the oracle."""

import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.security.privacy.cmac import Cmac

KEYS = st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32)
MESSAGES = st.lists(st.binary(max_size=70) | st.sampled_from([b"", b"x" * 16, b"x" * 32, b"\0" * 17]), max_size=20)


def by_library(key, message):
    code = CMAC(algorithms.AES(key))
    code.update(message)
    return code.finalize()


@given(KEYS, MESSAGES)
def test_each_lane_is_the_code_of_its_value(key, messages):
    found = Cmac(key).of_all(pa.array(messages, pa.binary()))
    assert [code.tobytes() for code in found] == [by_library(key, message) for message in messages]


@given(KEYS, MESSAGES, st.integers(0, 5))
def test_a_slice_of_a_column_is_read_where_it_lies(key, messages, first):
    part = pa.array(messages, pa.binary())[first:]
    assert [code.tobytes() for code in Cmac(key).of_all(part)] == [by_library(key, m) for m in messages[first:]]


def test_the_example_of_rfc_4493():
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert Cmac(key).of(b"").hex() == "bb1d6929e95937287fa37d129b756746"
    assert Cmac(key).of(bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")).hex() == "070a16b46b4d4144f79bdd9dd04a287c"
