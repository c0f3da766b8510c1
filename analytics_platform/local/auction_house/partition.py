"""Kafka's own choice of a partition for a key, for many keys at once. Pure."""

import numpy as np
from numpy.typing import NDArray

from analytics_platform.local.auction_house.chance import Longs

SEED, MIX = np.uint32(0x9747B28C), np.uint32(0x5BD1E995)
Words = NDArray[np.uint32]


def partitions_of(ids: Longs, partitions: int) -> Longs:
    """The partition of each id, whose key is its decimal text.

    As the Java client does it: murmur2, made positive, modulo. Ids of one call lie close together, so that every
    number between the least and the greatest is hashed once.
    """
    if not len(ids):
        return np.empty(0, np.int64)
    least = int(ids.min())
    return (_murmur2(np.arange(least, int(ids.max()) + 1)) % np.uint32(partitions)).astype(np.int64)[ids - least]


def _murmur2(ids: Longs) -> Words:
    hashes = np.empty(len(ids), np.uint32)
    digits = np.char.str_len(ids.astype(str))
    for count in np.unique(digits).tolist():
        which = digits == count
        text = ids[which].astype(f"S{count}").view(np.uint8).reshape(-1, count)
        hashes[which] = _murmur2_of(text.astype(np.uint32))
    return hashes & np.uint32(0x7FFFFFFF)


def _murmur2_of(text: Words) -> Words:
    """The hash of texts of one length, shape (n, length). Source: Kafka's Utils.murmur2."""
    rows, length = text.shape
    hashes = np.full(rows, SEED ^ np.uint32(length), np.uint32)
    whole = length // 4 * 4
    for start in range(0, whole, 4):
        word = _little_endian(text[:, start : start + 4]) * MIX
        word = (word ^ (word >> np.uint32(24))) * MIX
        hashes = hashes * MIX ^ word
    if whole < length:
        hashes = (hashes ^ _little_endian(text[:, whole:])) * MIX
    hashes = (hashes ^ (hashes >> np.uint32(13))) * MIX
    return hashes ^ (hashes >> np.uint32(15))


def _little_endian(text: Words) -> Words:
    shifts = np.arange(text.shape[1], dtype=np.uint32) * np.uint32(8)
    return (text << shifts).sum(axis=1, dtype=np.uint32)
