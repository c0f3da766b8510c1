"""What is fuzzed: a target takes a source of chance, makes hostile inputs from it, and feeds them in. Pure."""

import random
from collections.abc import Callable
from dataclasses import dataclass


class WrongAnswerError(Exception):
    """What came back is none of what may come back: a 500, a table that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Target:
    """`feed` makes one call and says in a word what came of it; whatever it raises is a fault of what is fuzzed.

    `inputs` is how many inputs a call holds: what decodes many records at once gets many.
    """

    name: str
    inputs: int
    feed: Callable[[random.Random], str]


def chance_of(seed: int, target: str, call: int) -> random.Random:
    """The source of one call: the same for the same seed, whoever makes the call, and when."""
    return random.Random(f"{seed}/{target}/{call}")
