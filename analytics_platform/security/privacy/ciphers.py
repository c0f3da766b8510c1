"""Values that only the key of a person opens, and records that only the key of a day opens: AES-SIV (RFC 5297). Pure.

Deterministic: the same value of the same person and field is the same ciphertext whenever it is read again.
"""

from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Mapping

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


def encrypt(values: pa.StringArray, subjects: pa.StringArray, keys: Keys, field: str) -> pa.StringArray:
    """Each value under its subject's key; null where there is none, or nobody to whom it belongs.

    Args:
        values: texts; an empty one stays empty.
        subjects: whose each is, by `tokens.subject_ids`.
        keys: by subject; None for one that was erased.
        field: `stream.field`: a ciphertext is worth nothing in another one.
    """
    ciphers = {subject: AESSIV(key) for subject, key in keys.items() if key is not None}
    bound, found = [field.encode()], list[str | None]()
    for value, subject in zip(values.to_pylist(), subjects.to_pylist(), strict=True):
        cipher = ciphers.get(subject)
        if not value or cipher is None:
            found.append(value if value == "" else None)
        else:
            text = b2a_base64(cipher.encrypt(value.encode(), bound), newline=False).decode()
            found.append(f"{PREFIX}{subject}{text}")
    return pa.array(found, pa.string())


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
