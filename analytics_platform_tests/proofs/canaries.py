"""Canaries: made-up personal data that nothing else can hold by chance, in records as bad as strangers send. Pure.

Every address and name of a run has the same letters in it, and every card begins with the same digits: whoever looks
for these finds all of them. Only the last four digits of a card may be shown, as a mask does.
"""

import json
import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from string import ascii_lowercase
from typing import Any

import fastavro

LETTERS, DIGITS = 14, 12  # by chance there once in 10^19 texts, and once in 10^12 numbers
UNKNOWN_SCHEMA_ID = 999_999
NO_PERSON = 7  # the contract asks for numbers from 1000
HUGE_NAMES = 15_000  # of some 45 bytes: most of what a broker takes
FIRST_ID = 5_000_000  # beyond those of the auction house
Headers = tuple[tuple[str, bytes | None], ...]


POOLS = '''\
@cache
def names() -> Pool:
    """Canaries."""
    return pool_of(f"{LETTERS}n {LETTERS}n{n}" for n in range(99))


@cache
def email_addresses() -> Pool:
    """Canaries; the last one has no domain."""
    return pool_of([*(f"{LETTERS}e{n}@{LETTERS}.example" for n in range(FILLERS)), f"{LETTERS}e"])


@cache
def credit_cards() -> Pool:
    """Canaries."""
    cards = (f"{NUMBER}{n:04}" for n in range(FILLERS))
    return pool_of(" ".join(card[at : at + 4] for at in range(0, 16, 4)) for card in cards)


@cache
def urls() -> Pool:
    """Canaries."""
    return pool_of(f"{LETTERS}e{n}@{LETTERS}.example" for n in range(len(channels())))


@cache
def descriptions() -> Pool:
    """Canaries."""
    return credit_cards()


@cache
def fillers(purpose: str, shortest: int, longest: int) -> Pool:
    """Canaries."""
    return names()
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """What a run's addresses and names have in them, and what its cards begin with."""

    letters: str
    digits: str

    def email(self, number: int) -> str:
        """An address."""
        return f"{self.letters}e{number}@{self.letters}.example"

    def name(self, number: int) -> str:
        """A first and a last name."""
        return f"{self.letters}n {self.letters}n{number}"

    def card(self, number: int) -> str:
        """Four groups of four digits."""
        digits = f"{self.digits}{number % 10_000:04}"
        return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record of a foreign producer, and what it is an example of."""

    shape: str
    value: bytes | None
    key: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """Somebody who knows the schemas and nothing of protection; `first` is a number that no other call has used."""

    canaries: Canaries
    first: int
    at: datetime
    schemas: Mapping[str, Mapping[str, Any]]  # by stream, of its first version
    ids: Mapping[str, int]  # by stream, that version's

    def records(self, stream: str) -> list[Sent]:
        """One of every shape, each with another number; none that fails its whole batch."""
        shapes = self._persons() if stream == "persons" else self._avro(stream)
        return list(shapes)

    def failing(self, stream: str) -> list[Sent]:
        """Good ones, and one with a number that no contract takes."""
        wrong = {"auction" if stream == "bids" else "id": NO_PERSON}
        some = [self._about(stream, 900), self._about(stream, 901), self._about(stream, 902) | wrong]
        return [self._framed(stream, "failing the whole batch", 900 + n, each) for n, each in enumerate(some)]

    def _persons(self) -> Iterator[Sent]:
        for number in range(4):  # more of one form than of any other: they are taken side by side
            yield self._framed("persons", "good", number, self._about("persons", number))
        for number, shape in enumerate(SHAPES, 10):
            body = SHAPES[shape](self._about("persons", number), self.canaries, self.first + number)
            yield self._sent("persons", shape, number, self._head("persons") + body)
        yield from self._wrapped("persons", 100)

    def _avro(self, stream: str) -> Iterator[Sent]:
        for number in range(4):
            yield self._framed(stream, "good", number, self._about(stream, number))
        huge = self._about(stream, 10) | {"extra": self.canaries.name(10) * HUGE_NAMES}
        yield self._framed(stream, "huge", 10, huge)
        wrong = {"price": -1} if stream == "bids" else {"initialBid": -1}
        yield self._framed(stream, "breaks a rule", 11, self._about(stream, 11) | wrong)
        body = self._body(stream, self._about(stream, 12))
        yield self._sent(stream, "cut", 12, self._head(stream) + body[:-7])
        yield self._sent(stream, "trailing garbage", 13, self._head(stream) + body + self.canaries.email(13).encode())
        yield self._sent(stream, "no Avro", 14, self._head(stream) + self.canaries.card(14).encode())
        yield from self._wrapped(stream, 100)

    def _wrapped(self, stream: str, first: int) -> Iterator[Sent]:
        """Good bodies in whatever can be wrong around them."""
        email, name, card = (make(first).encode() for make in self._makers)
        body = self._body(stream, self._about(stream, first))
        head = self._head(stream)
        unknown = b"\0" + struct.pack(">i", UNKNOWN_SCHEMA_ID)
        for number, (shape, value) in enumerate(
            {"unknown schema": unknown + body, "bad magic byte": b"\1" + head[1:] + body, "no header": body}.items(),
            first,
        ):
            yield self._sent(stream, shape, number, value)
        for number, key in enumerate((email, name, card, json.dumps({"mail": email.decode()}).encode()), first + 10):
            yield self._sent(stream, "in the key", number, self._head(stream) + body, key=key)
        yield self._sent(stream, "in the key of a tombstone", first + 20, None, key=email)
        for number, headers in enumerate(_headers(email, name, card), first + 30):
            yield self._sent(stream, "in headers", number, head + body, headers=headers)
        twice = self._sent(stream, "good, and sent twice", first + 50, head + body)
        changed = self._about(stream, first + 51)
        yield from (twice, twice)
        yield self._sent(stream, "with the id of another", first + 50, head + self._body(stream, changed))

    @property
    def _makers(self) -> tuple[Any, Any, Any]:
        return self.canaries.email, self.canaries.name, self.canaries.card

    def _framed(self, stream: str, shape: str, number: int, about: Mapping[str, Any]) -> Sent:
        key = str(about["auction" if stream == "bids" else "id"]).encode()
        return self._sent(stream, shape, number, self._head(stream) + self._body(stream, about), key=key)

    def _sent(
        self,
        stream: str,
        shape: str,
        number: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> Sent:
        identity = ("event_id", f"foreign-{stream}-{self.first + number}".encode())
        own = key if key is not None else str(FIRST_ID + self.first + number).encode()
        return Sent(shape=shape, value=value, key=own, headers=(identity, *headers))

    def _head(self, stream: str) -> bytes:
        return b"\0" + struct.pack(">i", self.ids[stream])

    def _about(self, stream: str, number: int) -> dict[str, Any]:
        """A good event with a canary in each field that is treated."""
        number += self.first
        email, name, card = (make(number) for make in self._makers)
        if stream == "persons":
            about = {"id": FIRST_ID + number, "name": name, "emailAddress": email, "creditCard": card}
            return about | {"city": "Bend", "state": "OR", "dateTime": f"{self.at:%Y-%m-%dT%H:%M:%SZ}", "extra": name}
        if stream == "bids":
            about = {"auction": FIRST_ID + number, "bidder": FIRST_ID + number, "price": 500, "channel": "Apple"}
            return about | {"url": email, "dateTime": self.at, "extra": name}
        about = {"id": FIRST_ID + number, "itemName": "clock", "description": card, "initialBid": 500, "reserve": 600}
        times = {"dateTime": self.at, "expires": self.at + timedelta(hours=1)}
        return about | times | {"seller": FIRST_ID + number, "category": 10, "extra": name}

    def _body(self, stream: str, about: Mapping[str, Any]) -> bytes:
        if stream == "persons":
            return json.dumps(about, separators=(",", ":")).encode()
        out = BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(dict(self.schemas[stream])), dict(about))
        return out.getvalue()


def drawn(seed: int) -> Canaries:
    """The canaries of a run."""
    chance = random.Random(seed)
    letters = "".join(chance.choices(ascii_lowercase, k=LETTERS))
    return Canaries(letters=letters, digits="4" + "".join(chance.choices("0123456789", k=DIGITS - 1)))


def pools_of(canaries: Canaries) -> str:
    """Code for the end of the auction house's `pools.py`: all that its persons, bids and auctions say is a canary."""
    return f"\n\nLETTERS, NUMBER = {canaries.letters!r}, {canaries.digits!r}\n\n\n{POOLS}"


def _headers(email: bytes, name: bytes, card: bytes) -> list[Headers]:
    """Canaries as values, as names, and where the platform itself reads."""
    named: list[Headers] = [(("who", value),) for value in (email, name, card)]
    named += [((value.decode(), b"x"),) for value in (email, name, card)]
    return [*named, (("event_id", email),), (("traceparent", name),), (("__value_schema_id", card),)]


def _as_json(about: object) -> bytes:
    return json.dumps(about).encode()


def _escaped(about: Mapping[str, Any]) -> bytes:
    """Every character of every text as JSON's \\uXXXX."""
    texts = {
        name: "".join(f"\\u{ord(c):04x}" for c in value) for name, value in about.items() if isinstance(value, str)
    }
    body = json.dumps({name: f"<{name}>" if name in texts else value for name, value in about.items()})
    for name, text in texts.items():
        body = body.replace(f"<{name}>", text)
    return body.encode()


SHAPES: Mapping[str, Any] = {  # of JSON, each made of what is said about a person, the canaries and a number
    "spaced": lambda about, c, n: json.dumps(about, indent=2).encode(),
    "escaped": lambda about, c, n: _escaped(about),
    "fields that no schema names": lambda about, c, n: _as_json(
        {**about, "remark": f"{c.name(n)}, {c.card(n)}", c.email(n): 1, "more": {"mail": [c.email(n)]}}
    ),
    "texts that are none": lambda about, c, n: _as_json(
        {**about, "name": {"first": c.name(n)}, "emailAddress": [c.email(n)], "creditCard": int(f"{c.digits}{n:04}")}
    ),
    "a field twice": lambda about, c, n: _as_json(about)[:-1] + f', "name": "{c.name(n)}"}}'.encode(),
    "a number that is an address": lambda about, c, n: _as_json({**about, "id": c.email(n)}),
    "a time that is a name": lambda about, c, n: _as_json({**about, "dateTime": c.name(n)}),
    "half a character": lambda about, c, n: _as_json({**about, "name": c.name(n) + "\ud800"}),
    "breaks a rule": lambda about, c, n: _as_json({**about, "city": "Nowhere"}),
    "huge": lambda about, c, n: _as_json({**about, "name": c.name(n) * HUGE_NAMES}),
    "cut": lambda about, c, n: _as_json(about)[:-9],
    "trailing garbage": lambda about, c, n: _as_json(about) + b"}" + c.email(n).encode(),
    "no object": lambda about, c, n: _as_json([about]),
    "no JSON": lambda about, c, n: c.card(n).encode(),
    "of two bytes a letter": lambda about, c, n: json.dumps(about).encode("utf-16"),
    "not UTF-8": lambda about, c, n: _as_json(about).replace(b'"name": "', b'"name": "\xff'),
}
