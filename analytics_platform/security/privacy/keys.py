"""What a keeper of keys can do, whoever it is; and how many keys are wrapped at once. Pure."""

from base64 import urlsafe_b64decode
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from analytics_platform.security.privacy.ciphers import KEY_BYTES
from analytics_platform.security.privacy.cmac import BLOCK
from analytics_platform.security.privacy.tokens import ID_BYTES

WRAPPING_BYTES = 32
BLOCKS = KEY_BYTES // BLOCK


class KeyProvider(Protocol):
    """Keeps the keys; whoever asks gets what holds now, so that an erasure holds from the next batch on."""

    def environment(self) -> bytes:
        """The key of all tokens of this environment; made when it is first asked for."""
        ...

    def of_subjects(self, subjects: Iterable[str], *, create: bool) -> dict[str, bytes | None]:
        """The key of each, None for those that were erased; who has none gets one if `create`, else is left out.

        New keys last before this returns: what is encrypted under them can be read after any crash.
        """
        ...

    def of_day(self, stream: str, day: str, *, create: bool) -> bytes | None:
        """The key that a stream's unreadable records of a day are sealed under; None if it has expired."""
        ...

    def expire(self, stream: str, before: str) -> list[str]:
        """Destroy the stream's keys of the days before that one; returns those days. They get no key again."""
        ...

    def erase(self, subject: str) -> bool:
        """Destroy a person's key and give them none again; whether there was one."""
        ...

    def erased(self) -> list[str]:
        """Everybody who was erased."""
        ...


def wrapped(wrapping: bytes, subjects: Sequence[str], keys: bytes) -> bytes:
    """The keys, one after the other, under a wrapping key; the same again unwraps them.

    AES-CTR with the subject as nonce, whose length leaves a byte to count blocks: a subject has one key ever, so no
    counter block comes twice under one wrapping key. Whether the wrapping key is the right one is to be known before.
    """
    blocks = np.zeros((len(subjects), BLOCKS, BLOCK), np.uint8)
    raw = urlsafe_b64decode("".join(subjects))  # each alone needs no padding
    blocks[:, :, :ID_BYTES] = np.frombuffer(raw, np.uint8).reshape(-1, 1, ID_BYTES)
    blocks[:, :, ID_BYTES] = np.arange(BLOCKS)
    cipher = Cipher(algorithms.AES(wrapping), modes.ECB())
    stream: NDArray[np.uint8] = np.frombuffer(cipher.encryptor().update(blocks.tobytes()), np.uint8)
    return (np.frombuffer(keys, np.uint8) ^ stream).tobytes()
