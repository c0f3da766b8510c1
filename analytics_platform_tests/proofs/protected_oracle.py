"""What protection must have made of a record, by `cryptography` alone: CMAC (RFC 4493) and AES-SIV (RFC 5297).

Knows the forms of what is kept and nothing of how the platform makes them: one value after another, in plain Python.
Pure, but for the keys, which come out of the store.
"""

import json
import re
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import fastavro
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.cmac import CMAC

from analytics_platform.facts import Schema
from analytics_platform.security.privacy.keys import KeyProvider
from analytics_platform_tests.proofs.privacy_policies import TAGS

PREFIX_BYTES = 5
SEALED, DAY_BYTES = b"\xa5ap\x01", 8
SUBJECT_BYTES, TOKEN_BYTES, CHECK_BYTES = 15, 12, 3
PLACE = len("enc_") + 20  # where a ciphertext begins, behind whose it is
DECLARED = {
    "event_id": rb"[0-9A-Za-z_.:+-]{1,64}",
    "traceparent": rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
}
KEYS = {"persons": "id", "auctions": "id", "bids": "auction"}
SUBJECTS = {"persons": "id"}
UNREADABLE = (EOFError, IndexError, ValueError)
Headers = list[tuple[str, bytes | None]]
Fields = dict[str, Any]
Log = Mapping[tuple[int, int], "Sent"]  # by partition and offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record as a producer sent it, or as a table holds it."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True, kw_only=True)
class Oracle:
    """Judges the records of one stream; `judged` counts values by what was to become of them."""

    stream: str
    schema: Schema
    policy: Mapping[str, str]
    keys: KeyProvider
    judged: Counter[str] = field(default_factory=Counter)
    _environment: bytes = b""
    _persons: Mapping[str, bytes | None] = field(default_factory=dict)
    _days: Mapping[str, bytes | None] = field(default_factory=dict)

    def problems(self, sent: Log, held: Log) -> list[str]:
        """In which ways what is held does not stand for what was sent, with coordinates; empty when all of it does."""
        self._learn(sent.values(), held.values())
        found = [f"{self.stream} {at} is not in both" for at in sorted(sent.keys() ^ held.keys())]
        for at in sorted(sent.keys() & held.keys()):
            found += [f"{self.stream} {at}: {problem}" for problem in self._record(sent[at], held[at])]
        return found

    def _learn(self, sent: Iterable[Sent], held: Iterable[Sent]) -> None:
        """Get the keys of everybody and of every day that occurs."""
        self._environment = self.keys.environment()
        bodies = [fields for record in sent if (fields := self.fields(record.value)) is not None]
        persons = [self.subject(fields) for fields in bodies if self.stream in SUBJECTS]
        self._persons = self.keys.of_subjects(persons, create=False)
        days = {day for record in held if (day := _day(record.value))}
        self._days = {day: self.keys.of_day(self.stream, day, create=False) for day in days}

    def _record(self, sent: Sent, held: Sent) -> list[str]:
        clear, now = self.fields(sent.value), self.fields(held.value)
        found = self._sealed(sent, held) if clear is None else self._body(clear, now or {})
        if sent.key is not None:
            found += _unlike("key", held.key, self._key(sent.key, clear, now))
        wanted = [self._header(name, value) for name, value in sent.headers]
        return found + _unlike("headers", held.headers, wanted)

    def fields(self, value: bytes | None) -> Fields | None:
        """What a body says; None for one that cannot be read whole, or in no schema of ours."""
        if value is None or value[:PREFIX_BYTES] != b"\0" + self.schema.id.to_bytes(4, "big"):
            return None
        body, schema = value[PREFIX_BYTES:], json.loads(self.schema.text)
        try:
            if "properties" in schema:
                found = json.loads(body)
                return {name: found[name] for name in schema["properties"] if name in found}
            source = BytesIO(body)
            read: Any = fastavro.schemaless_reader(source, fastavro.parse_schema(schema), None)
            return read if source.tell() == len(body) else None
        except UNREADABLE:
            return None

    def _body(self, clear: Fields, now: Fields) -> list[str]:
        tags = TAGS[self.stream]
        found = [] if clear.keys() == now.keys() else [f"other fields: {sorted(clear.keys() ^ now.keys())}"]
        for name, value in clear.items():
            how = self.policy[tags[name]] if name in tags else "keep"
            self.judged[how] += 1
            is_so = self._opens(name, value, now.get(name), clear) if how == "encrypt" else None
            if is_so is None:
                is_so = now.get(name) == self._kept(how, tags.get(name, ""), value)
            found += [] if is_so else [f"{name} ({how}) is something else"]
        return found

    def _kept(self, how: str, tag: str, value: Any) -> Any:
        if how == "tokenise":
            return self.whole_token(tag, value) if isinstance(value, int) else self.token(tag, value.encode()).decode()
        if how == "mask":
            return mask(value)
        return None if how == "drop" else value

    def _opens(self, name: str, value: str, text: Any, clear: Fields) -> bool:
        """Whether it is the value under the key of its own person, in its own field."""
        subject = self.subject(clear)
        key = self._persons.get(subject)
        if key is None or not isinstance(text, str) or not text.startswith(f"enc_{subject}"):
            return False
        try:
            return AESSIV(key).decrypt(b64decode(text[PLACE:]), [f"{self.stream}.{name}".encode()]) == value.encode()
        except (InvalidTag, ValueError):
            return False

    def _sealed(self, sent: Sent, held: Sent) -> list[str]:
        if sent.value is None:
            return _unlike("tombstone", held.value, None)
        self.judged["seal"] += 1
        key = self._days.get(_day(held.value) or "")
        try:
            opened = AESSIV(key or b"").decrypt((held.value or b"")[len(SEALED) + DAY_BYTES :], [self.stream.encode()])
        except (InvalidTag, ValueError):
            opened = None
        return _unlike("sealed body", opened, sent.value)

    def _key(self, key: bytes, clear: Fields | None, now: Fields | None) -> bytes:
        name = KEYS[self.stream]
        self.judged["key"] += 1
        if clear and now and str(clear[name]).encode() == key:
            return str(now[name]).encode()
        return self.token("undeclared", key)

    def _header(self, name: str, value: bytes | None) -> tuple[str, bytes | None]:
        self.judged["header"] += 1
        if name in DECLARED and (value is None or re.fullmatch(DECLARED[name], value)):
            return name, value
        kept = None if value is None else self.token("undeclared", value)
        return name if name in DECLARED else self.token("undeclared", name.encode()).decode(), kept

    def token(self, tag: str, value: bytes) -> bytes:
        """The token of a text."""
        code = self._code(f"token {tag}", value)[:TOKEN_BYTES]
        text = b"tok_" + urlsafe_b64encode(code + self._code(f"check {tag}", code)[:CHECK_BYTES])
        return text + b"@tok.invalid" if tag == "email" and b"@" in value[1:-1] else text

    def whole_token(self, tag: str, value: int) -> int:
        """The token of a whole number: 62 bits."""
        return int.from_bytes(self._code(f"token {tag}", str(value).encode())[:8], "little") >> 2

    def subject(self, clear: Fields) -> str:
        """The name under which the key of the record's person is kept."""
        name = SUBJECTS[self.stream]
        code = self._code(f"subject {TAGS[self.stream][name]}", str(clear[name]).encode())
        return urlsafe_b64encode(code[:SUBJECT_BYTES]).decode()

    def _code(self, purpose: str, value: bytes) -> bytes:
        return cmac(cmac(self._environment, purpose.encode()), value)


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC by the library."""
    code = CMAC(algorithms.AES(key))
    code.update(message)
    return code.finalize()


def mask(value: str) -> str:
    """Letters and digits become `*`, but for the last four of twelve or more characters."""
    shown = 4 if len(value) >= 12 else 0
    hidden = "".join("*" if character.isalnum() else character for character in value[: len(value) - shown])
    return hidden + value[len(value) - shown :]


def _day(value: bytes | None) -> str | None:
    """The day under whose key a value is sealed."""
    if value is None or not value.startswith(SEALED):
        return None
    return value[len(SEALED) : len(SEALED) + DAY_BYTES].decode("ascii", "replace")


def _unlike(what: str, found: Any, wanted: Any) -> list[str]:
    return [] if found == wanted else [f"{what} is something else"]
