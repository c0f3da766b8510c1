"""Changes to bytes and texts that were valid: small ones that get past the first check, and coarse ones. Pure."""

import random
import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
EDGES = (0, 1, -1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**62, 2**63 - 1)
BYTES = b"\x00\x01\x02\x7f\x80\x81\xfe\xff\"\\{}[]:,-e.'#&*!\n\r\t /%"
VARINTS = (b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\x80" * 12, b"\xfe\xff\xff\xff\x0f", b"\x01", b"\x80\x01")
FORMS = (">b", ">h", ">i", ">q", "<i", "<q")


def mutated(chance: random.Random, raw: bytes, most: int = 4) -> bytes:
    """The bytes after one to `most` changes."""
    for _ in range(chance.randint(1, most)):
        raw = chance.choice(CHANGES)(chance, raw)
    return raw


def noise(chance: random.Random, most: int = 300) -> bytes:
    """Bytes without any form."""
    return chance.randbytes(chance.randrange(most))


def edge(chance: random.Random, form: str) -> bytes:
    """A number at the edge of what the form can hold, packed."""
    bits = 8 * struct.calcsize(form)
    value = chance.choice(EDGES) & ((1 << bits) - 1)
    return struct.pack(form, value - (1 << bits) if value >> (bits - 1) else value)


def splice(chance: random.Random, one: Sequence[T], other: Sequence[T]) -> list[T]:
    """The beginning of one and the end of the other."""
    return [*one[: chance.randint(0, len(one))], *other[chance.randint(0, len(other)) :]]


def _flip(chance: random.Random, raw: bytes) -> bytes:
    return _put(raw, chance.randrange(len(raw)), bytes([chance.randrange(256)])) if raw else raw


def _set(chance: random.Random, raw: bytes) -> bytes:
    return _put(raw, chance.randrange(len(raw)), bytes([chance.choice(BYTES)])) if raw else raw


def _number(chance: random.Random, raw: bytes) -> bytes:
    return _put(raw, chance.randrange(len(raw)), edge(chance, chance.choice(FORMS))) if raw else raw


def _varint(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + chance.choice(VARINTS) + raw[at + chance.randrange(2) :]


def _cut(chance: random.Random, raw: bytes) -> bytes:
    return raw[: chance.randint(0, len(raw))]


def _delete(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + raw[at + chance.randrange(1, 9) :]


def _repeat(chance: random.Random, raw: bytes) -> bytes:
    at, size = chance.randint(0, len(raw)), chance.choice((1, 2, 8, 64))
    return raw[:at] + raw[at : at + size] * chance.randint(1, 5) + raw[at:]


def _insert(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + chance.randbytes(chance.randint(1, 8)) + raw[at:]


def _put(raw: bytes, at: int, part: bytes) -> bytes:
    return (raw[:at] + part + raw[at + len(part) :])[: max(len(raw), at + len(part))]


CHANGES = (_flip, _flip, _set, _number, _varint, _cut, _delete, _repeat, _insert)
