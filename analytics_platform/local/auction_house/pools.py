"""The texts that events are filled with: fixed pools, built once, picked from by number. Pure."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from string import ascii_lowercase

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_platform.ingest.encode_batch import varints

HOT_CHANNELS = ("Google", "Facebook", "Baidu", "Apple")
OTHER_CHANNELS = 300
POOL_SEED = 19  # one fixed set of texts; the seed of a run decides which are picked
FILLERS = 1024
FIRST_NAMES = ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"]
LAST_NAMES = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"]
CITIES = ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Cheyenne"]
STATES = ["AZ", "CA", "ID", "OR", "WA", "WY"]
KINDS = ["antique", "rare", "signed", "used", "boxed", "broken", "restored", "handmade", "early", "late"]
THINGS = ["clock", "lamp", "atlas", "violin", "camera", "chess set", "tea pot", "map", "medal", "globe", "telescope"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Texts to pick from, also as Avro strings (zigzag length, then UTF-8)."""

    texts: pa.StringArray
    avro: pa.BinaryArray

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Pick:
    """One text per row, by its place in the pool."""

    pool: Pool
    index: NDArray[np.int32]

    def text(self) -> pa.DictionaryArray:
        """The texts, dictionary-encoded."""
        return pa.DictionaryArray.from_arrays(_indices(self.index), self.pool.texts)

    def avro(self) -> pa.BinaryArray:
        """The texts as Avro strings."""
        return self.pool.avro.take(_indices(self.index))

    def plain(self) -> pa.BinaryArray:
        """The texts as UTF-8."""
        return self.pool.texts.take(_indices(self.index)).cast(pa.binary())


def pool_of(texts: Iterable[str]) -> Pool:
    """A pool of these texts."""
    chosen = list(texts)
    encoded = [text.encode() for text in chosen]
    lengths = varints([np.array([len(text) for text in encoded], np.int64)])
    avro = [length.as_py() + text for length, text in zip(lengths, encoded, strict=True)]
    return Pool(pa.array(chosen, pa.string()), pa.array(avro, pa.binary()))


@cache
def channels() -> Pool:
    """Four hot channels first, then the others."""
    return pool_of([*HOT_CHANNELS, *(f"channel-{n}" for n in range(OTHER_CHANNELS))])


@cache
def urls() -> Pool:
    """The page that belongs to each channel, in the same order."""
    letters = _letters("urls")
    paths = ["/".join(letters(3, 6) for _ in range(3)) for _ in range(len(channels()))]
    hot = [f"https://auctions.example/{path}/item.htm?query=1" for path in paths[: len(HOT_CHANNELS)]]
    others = enumerate(paths[len(HOT_CHANNELS) :])
    return pool_of([*hot, *(f"https://auctions.example/{path}/item.htm?query=1&channel_id={n}" for n, path in others)])


@cache
def fillers(purpose: str, shortest: int, longest: int) -> Pool:
    """Meaningless letters of a length between the two."""
    letters = _letters(purpose)
    return pool_of(letters(shortest, longest) for _ in range(FILLERS))


@cache
def names() -> Pool:
    """First and last names."""
    return pool_of(f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES)


@cache
def email_addresses() -> Pool:
    """Addresses; the last one is broken on purpose: it has no domain."""
    letters = _letters("email")
    return pool_of([*(f"{letters(4, 9)}@{letters(4, 9)}.example" for _ in range(FILLERS)), "nobody"])


@cache
def credit_cards() -> Pool:
    """Four groups of four digits."""
    draw = random.Random(f"{POOL_SEED}/cards")
    return pool_of(" ".join(f"{draw.randrange(10_000):04}" for _ in range(4)) for _ in range(FILLERS))


@cache
def cities() -> Pool:
    """Cities of the American north-west."""
    return pool_of(CITIES)


@cache
def states() -> Pool:
    """US states in two letters."""
    return pool_of(STATES)


@cache
def item_names() -> Pool:
    """What is sold."""
    return pool_of(f"{kind} {thing}" for kind in KINDS for thing in THINGS)


@cache
def descriptions() -> Pool:
    """What sellers say: items strung together."""
    draw, items = random.Random(f"{POOL_SEED}/descriptions"), item_names().texts.to_pylist()
    return pool_of("; ".join(draw.choices(items, k=draw.randint(2, 5))) for _ in range(FILLERS))


def _letters(purpose: str) -> Callable[[int, int], str]:
    draw = random.Random(f"{POOL_SEED}/{purpose}")
    return lambda shortest, longest: "".join(draw.choices(ascii_lowercase, k=draw.randint(shortest, longest)))


def _indices(index: NDArray[np.int32]) -> pa.Int32Array:
    return pa.Array.from_buffers(pa.int32(), len(index), [None, pa.py_buffer(np.ascontiguousarray(index, np.int32))])
