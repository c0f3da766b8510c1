"""Tokens in the place of values: the same for equal values of one kind, in one environment; nothing leads back. Pure.

A token is an AES-CMAC of the value, so nobody without the key can make one, nor try out which value it stands for.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics_platform.security.privacy.cmac import Bytes, Cmac

PREFIX = "tok_"
ID_BYTES = 15  # 20 characters of base64 without padding
ID_CHARACTERS = 20
VALUE_BYTES = 12  # of a token: 96 bits say which value, the other 24 that the token is ours
EMAIL, EMAIL_END = "email", "@tok.invalid"  # RFC 2606: nobody can ever be written to there
AN_ADDRESS = "_%@_%"
END = len(PREFIX) + ID_CHARACTERS
A_TOKEN = "^tok_[A-Za-z0-9_-]{20}(@tok[.]invalid)?$"
WHOLE_BITS = np.uint64(62)  # a positive long, which every language and JSON reader of longs holds


@lru_cache(maxsize=256)
def cmac_for(key: bytes, purpose: str) -> Cmac:
    """What is under the key for one purpose: codes of different purposes have nothing in common."""
    return Cmac(Cmac(key).of(purpose.encode()))


def text_tokens(key: bytes, tag: str, values: pa.StringArray) -> pa.StringArray:
    """A token for each text. Null stays null and an empty text empty: neither is about anybody.

    What looks like an e-mail address gets a token that does, so that rules about the form of addresses still hold.
    """
    distinct = values.dictionary_encode()
    texts = distinct.dictionary.cast(pa.string())
    codes = cmac_for(key, f"token {tag}").of_all(texts.cast(pa.binary()))
    codes[:, VALUE_BYTES:ID_BYTES] = _checks(key, tag, codes)
    tokens = pc.binary_join_element_wise(PREFIX, _base64(codes), "")
    if tag == EMAIL:
        tokens = pc.if_else(
            pc.match_like(texts, AN_ADDRESS), pc.binary_join_element_wise(tokens, EMAIL_END, ""), tokens
        )
    return pc.if_else(pc.equal(texts, ""), texts, tokens).take(distinct.indices)


def are_tokens(key: bytes, tag: str, values: pa.StringArray) -> NDArray[np.bool_]:
    """Which texts are tokens of that tag, made with that key: at the source, by a producer who has it."""
    found = np.zeros(len(values), np.bool_)
    may_be = np.flatnonzero(pc.match_substring_regex(values, A_TOKEN).fill_null(False))
    if may_be.size:
        some = values.take(pa.array(may_be))
        raw = urlsafe_b64decode("".join(pc.utf8_slice_codeunits(some, len(PREFIX), END).to_pylist()))
        codes = np.frombuffer(raw, np.uint8).reshape(-1, ID_BYTES)
        found[may_be] = (codes[:, VALUE_BYTES:] == _checks(key, tag, codes)).all(axis=1)
    return found


def _checks(key: bytes, tag: str, codes: Bytes) -> Bytes:
    """What a token ends in."""
    lengths = np.full(len(codes), VALUE_BYTES, np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]).astype(np.int32)
    data = np.ascontiguousarray(codes[:, :VALUE_BYTES])
    values = pa.Array.from_buffers(pa.binary(), len(codes), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return cmac_for(key, f"check {tag}").of_all(values)[:, : ID_BYTES - VALUE_BYTES]


def whole_tokens(key: bytes, tag: str, values: pa.Int64Array) -> pa.Int64Array:
    """A whole number for each whole number; null stays null."""
    distinct = values.dictionary_encode()
    codes = cmac_for(key, f"token {tag}").of_all(distinct.dictionary.cast(pa.string()).cast(pa.binary()))
    numbers = codes[:, :8].copy().view("<u8").reshape(-1) >> (np.uint64(64) - WHOLE_BITS)
    found = pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers.view(np.int64))])
    return found.take(distinct.indices)


def subject_ids(key: bytes, tag: str, values: pa.StringArray) -> pa.StringArray:
    """The name under which each person's key is kept; null where nobody is named."""
    distinct = values.dictionary_encode()
    texts = distinct.dictionary.cast(pa.string())
    ids = ids_of(cmac_for(key, f"subject {tag}"), texts)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), ids).take(distinct.indices)


def ids_of(cmac: Cmac, texts: pa.StringArray) -> pa.StringArray:
    """ID_CHARACTERS characters for each text."""
    return _base64(cmac.of_all(texts.cast(pa.binary())))


def _base64(codes: Bytes) -> pa.StringArray:
    """One call for all: 15 bytes need no padding, so that each code's characters stand for themselves."""
    characters = urlsafe_b64encode(np.ascontiguousarray(codes[:, :ID_BYTES]).tobytes())
    offsets = np.arange(len(codes) + 1, dtype=np.int32) * ID_CHARACTERS
    return pa.Array.from_buffers(pa.string(), len(codes), [None, pa.py_buffer(offsets), pa.py_buffer(characters)])
