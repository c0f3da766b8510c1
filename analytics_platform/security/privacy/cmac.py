"""AES-CMAC (RFC 4493) of many values side by side: one lane per value, one call of AES for all lanes. Pure.

One value after the other takes 2 µs each in Python; here a lane takes some 50 ns a block, and the result is the same.
"""

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

BLOCK = 16
POLYNOMIAL = 0x87  # of GF(2^128), RFC 4493 section 2.3
PAD = np.uint8(0x80)

Bytes = NDArray[np.uint8]


class Cmac:
    """The authentication code under one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())
        first = _doubled(self._encrypted(np.zeros((1, BLOCK), np.uint8))[0].tobytes())
        self._whole, self._padded = (np.frombuffer(k, np.uint8) for k in (first, _doubled(first)))

    def of(self, message: bytes) -> bytes:
        """The code of one value."""
        return self.of_all(pa.array([message], pa.binary()))[0].tobytes()

    def of_all(self, messages: pa.BinaryArray) -> Bytes:
        """The code of each value, none of them null; shape (n, 16)."""
        if not len(messages):
            return np.zeros((0, BLOCK), np.uint8)
        bounds = np.frombuffer(messages.buffers()[1], np.int32, len(messages) + 1, 4 * messages.offset).astype(np.int64)
        sizes = np.diff(bounds)
        blocks = np.maximum(1, -(-sizes // BLOCK))
        order = np.argsort(-blocks, kind="stable")  # so that the lanes with a further block are always the first ones
        starts, sizes, blocks = bounds[:-1][order], sizes[order], blocks[order]
        state = np.zeros((len(messages), BLOCK), np.uint8)
        for place in range(int(blocks[0])):
            lanes = int(np.searchsorted(-blocks, -place, side="left"))
            left = sizes[:lanes] - place * BLOCK
            state[:lanes] ^= self._block(messages, starts[:lanes] + place * BLOCK, left)
            state[:lanes] = self._encrypted(state[:lanes])
        found = np.empty_like(state)
        found[order] = state
        return found

    def _block(self, messages: pa.BinaryArray, starts: NDArray[np.int64], left: NDArray[np.int64]) -> Bytes:
        """The next block of each lane, of which `left` bytes are left; the last one with what the standard adds."""
        data = messages.buffers()[2]
        source = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
        columns = np.arange(BLOCK)
        block = source.take(starts[:, None] + columns, mode="clip")
        block[columns >= left[:, None]] = 0
        short = np.flatnonzero(left < BLOCK)
        block[short, left[short]] = PAD
        block[left < BLOCK] ^= self._padded
        block[left == BLOCK] ^= self._whole
        return block

    def _encrypted(self, blocks: Bytes) -> Bytes:
        done = self._cipher.encryptor().update(np.ascontiguousarray(blocks).data)
        return np.frombuffer(done, np.uint8).reshape(-1, BLOCK)


def _doubled(block: bytes) -> bytes:
    """Twice that number in GF(2^128)."""
    doubled = int.from_bytes(block, "big") << 1
    return (doubled & (1 << 128) - 1 ^ (POLYNOMIAL if doubled >> 128 else 0)).to_bytes(BLOCK, "big")
