"""Randomness without state: what is drawn for an event depends on seed, purpose and event number alone. Pure."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Bits = NDArray[np.uint64]
GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Chance:
    """A seeded source of draws, one per event number and purpose."""

    seed: int

    def bits(self, purpose: str, numbers: Longs) -> Bits:
        """64 random bits per number. Source: SplitMix64, Steele et al. (2014)."""
        x = numbers.astype(np.uint64) * GOLDEN_GAMMA + _salt(self.seed, purpose)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    def share(self, purpose: str, numbers: Longs) -> NDArray[np.float64]:
        """Uniform in [0, 1)."""
        return (self.bits(purpose, numbers) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, purpose: str, numbers: Longs, limit: Any) -> Longs:
        """Uniform in [0, limit); the limit is a number or one per event, and at least 1."""
        return (self.share(purpose, numbers) * limit).astype(np.int64)


@cache
def _salt(seed: int, purpose: str) -> np.uint64:
    return np.uint64(int.from_bytes(sha256(f"{seed}/{purpose}".encode()).digest()[:8], "big"))
