"""Whoever has a copy of the key folder and of ciphertexts, and opens what can be; imports nothing of the platform.

The formats are those of docs/decisions/0030-aes-siv-by-person.md, written down a second time.
"""

import json
import sqlite3
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

BLOCKS = 2  # of 16 bytes in a key
HEAD = len("enc_") + 20


def keys_in(folder: Path) -> dict[str, bytes]:
    """By the name under which it is kept, every key of a person that is left."""
    wrapping = {
        int(number): b64decode(key) for number, key in json.loads((folder / "wrapping.json").read_text()).items()
    }
    with sqlite3.connect(f"file:{folder / 'keys.db'}?mode=ro", uri=True) as store:
        rows = store.execute("select id, wrapped, wrapping from subject where wrapped is not null").fetchall()
    return {name: _unwrapped(name, held, wrapping[number]) for name, held, number in rows}


def opened(text: str, keys: Mapping[str, bytes], fields: Iterable[str]) -> str | None:
    """What a ciphertext holds, by any of the keys in any of the fields; None if none opens it."""
    body = b64decode(text[HEAD:])
    for key in keys.values():
        for field in fields:
            try:
                return AESSIV(key).decrypt(body, [field.encode()]).decode()
            except InvalidTag:
                continue
    return None


def _unwrapped(name: str, held: bytes, wrapping: bytes) -> bytes:
    counters = b"".join(urlsafe_b64decode(name) + bytes([block]) for block in range(BLOCKS))
    stream = Cipher(algorithms.AES(wrapping), modes.ECB()).encryptor().update(counters)
    return bytes(a ^ b for a, b in zip(held, stream, strict=True))
