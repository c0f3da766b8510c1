"""Values that only the key of a person opens, and records that only the key of a day opens: AES-SIV (RFC 5297). Pure.

Deterministic: the same value of the same person and field is the same ciphertext whenever it is read again.
"""

from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from numpy.typing import NDArray

from analytics_platform.security.privacy.tokens import ID_CHARACTERS

PREFIX = "enc_"
KEY_BYTES = 32  # AES-SIV with AES-128, once for the synthetic IV and once to encrypt
SEALED = b"\xa5ap\x01"  # then the day in eight digits; no JSON, Avro or Confluent body of ours begins so
DAY = 8
SUBJECT = slice(len(PREFIX), len(PREFIX) + ID_CHARACTERS)

Keys = Mapping[str, bytes | None]


def encrypt(columns: Mapping[str, pa.StringArray], subjects: pa.StringArray, keys: Keys) -> dict[str, pa.StringArray]:
    """Each value under its subject's key; null where there is none, or nobody to whom it belongs.

    One person after another: a cipher takes longer to set up than to use, and twice as long where it finds those of
    thousands of others in the processor's caches.

    Args:
        columns: by `stream.field`, since a ciphertext is worth nothing in another one; texts, an empty one stays empty.
        subjects: whose each row is, by `tokens.subject_ids`.
        keys: by subject; None for one that was erased.
    """
    listed = [(values.cast(pa.binary()).to_pylist(), [field.encode()]) for field, values in columns.items()]
    found: list[list[bytes | None]] = [[None] * len(subjects) for _ in listed]
    for subject, rows in _rows_of_each(subjects):
        key = keys.get(subject)
        if key is None:
            continue
        cipher = AESSIV(key)
        for (values, bound), column in zip(listed, found, strict=True):
            for row in rows:
                if value := values[row]:
                    column[row] = cipher.encrypt(value, bound)
    return {
        field: _as_texts(pa.array(column, pa.binary()), values, subjects)
        for (field, values), column in zip(columns.items(), found, strict=True)
    }


def _rows_of_each(subjects: pa.StringArray) -> Iterator[tuple[str, list[int]]]:
    """Everybody with the rows that are theirs; rows of nobody are left out."""
    distinct = subjects.dictionary_encode()
    codes = np.asarray(distinct.indices.fill_null(len(distinct.dictionary)))
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(distinct.dictionary) + 1)).tolist()
    rows = order.tolist()
    for subject, (first, end) in zip(distinct.dictionary.to_pylist(), pairwise(edges), strict=True):
        yield subject, rows[first:end]


def _as_texts(encrypted: pa.BinaryArray, values: pa.StringArray, subjects: pa.StringArray) -> pa.StringArray:
    texts = pc.binary_join_element_wise(PREFIX, subjects, _base64(encrypted), "")
    return pc.if_else(pc.equal(values, ""), values, texts)


def _base64(values: pa.BinaryArray) -> pa.StringArray:
    """Each value by itself, all of one length in one call."""
    sizes = np.asarray(pc.binary_length(values).fill_null(0))
    rows, parts = [np.zeros(0, np.int64)], [pa.array([], pa.string())]
    for size in np.unique(sizes).tolist():
        rows.append(np.flatnonzero(sizes == size))
        parts.append(_base64_of_size(values.take(pa.array(rows[-1])), size))
    found = pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(rows))))
    return pc.if_else(pc.is_valid(values), found, pa.scalar(None, pa.string()))


def _base64_of_size(values: pa.BinaryArray, size: int) -> pa.StringArray:
    padding = -size % 3
    blocks = np.zeros((len(values), size + padding), np.uint8)
    if size:
        blocks[:, :size] = np.frombuffer(values.buffers()[2], np.uint8).reshape(len(values), size)
    width = (size + padding) // 3 * 4
    characters = np.frombuffer(bytearray(b2a_base64(blocks.tobytes(), newline=False)), np.uint8)
    if padding:
        characters.reshape(-1, width)[:, -padding:] = ord("=")
    offsets = np.arange(len(values) + 1, dtype=np.int32) * np.int32(width)
    return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(characters)])


def are_encrypted(values: pa.StringArray, subjects: pa.StringArray) -> NDArray[np.bool_]:
    """Which texts are ciphertexts for their own subject, whose name nobody without our key can know."""
    begins = pc.utf8_slice_codeunits(values, 0, SUBJECT.stop)
    own = pc.binary_join_element_wise(PREFIX, subjects, "")
    return np.asarray(pc.equal(begins, own).fill_null(False))


def subject_in(text: str) -> str | None:
    """Whose a ciphertext is; None for a text that is none."""
    return text[SUBJECT] if text.startswith(PREFIX) and len(text) > SUBJECT.stop else None


def decrypt(text: str, key: bytes, field: str) -> str | None:
    """What a ciphertext holds; None where that key does not open it in this field."""
    try:
        return AESSIV(key).decrypt(b64decode(text[SUBJECT.stop :]), [field.encode()]).decode()
    except (InvalidTag, ValueError):
        return None


def seal(values: pa.BinaryArray, key: bytes, day: str, place: str) -> pa.BinaryArray:
    """Each value as a whole; null stays null and an empty one empty.

    Args:
        values: any bytes.
        key: the stream's key of that day.
        day: eight digits.
        place: `stream/value` or the like: it opens nowhere else.
    """
    cipher, head, bound = AESSIV(key), SEALED + day.encode(), [place.encode()]
    found = [value and head + cipher.encrypt(value, bound) for value in values.to_pylist()]
    return pa.array(found, pa.binary())


def sealed_on(value: bytes) -> str | None:
    """The day whose key opens a sealed value; None for one that is not sealed."""
    day = value[len(SEALED) : len(SEALED) + DAY]
    return day.decode() if value.startswith(SEALED) and len(day) == DAY and day.isdigit() else None


def unseal(value: bytes, key: bytes, place: str) -> bytes | None:
    """What a sealed value holds; None where that key does not open it in this place."""
    try:
        return AESSIV(key).decrypt(value[len(SEALED) + DAY :], [place.encode()])
    except (InvalidTag, ValueError):
        return None
