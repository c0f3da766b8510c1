"""What a proof of protection must notice: a line of the platform broken in a copy, and a byte that is changed."""

from collections.abc import Iterator, Mapping

from analytics_platform_tests.proofs.broken_code import Fault
from analytics_platform_tests.proofs.protected_rows import Found

NONCE = "__import__('os').urandom(16)"


FAULTS = (
    Fault(
        name="ciphertexts have a random nonce",
        file="security/privacy/ciphers.py",
        right="cipher.encrypt(value.encode(), bound)",
        wrong=f"cipher.encrypt(value.encode(), [*bound, {NONCE}])",
    ),
    Fault(
        name="ciphertexts are keyed by the place of a value",
        file="security/privacy/ciphers.py",
        right="cipher.encrypt(value.encode(), bound)",
        wrong="cipher.encrypt(value.encode(), [*bound, str(len(found)).encode()])",
    ),
    Fault(
        name="sealed records have a random nonce",
        file="security/privacy/ciphers.py",
        right="head + cipher.encrypt(value, bound)",
        wrong=f"head + cipher.encrypt(value, [*bound, {NONCE}])",
    ),
    Fault(
        name="keys are handed out and not kept",
        file="security/privacy/key_files.py",
        right="        self._write(store, subjects, keys)\n        return dict(zip",
        wrong="        return dict(zip",
    ),
    Fault(
        name="a body is written anew if few come with it",
        file="ingest/json_spans.py",
        right="if len(last) == len(body.content.pairs):",
        wrong="if not body.content.pairs:",
    ),
)


def changed_bytes(found: Found) -> Iterator[tuple[str, Found]]:
    """Copies of what was found, each with one byte of a protected value changed; and where."""
    for mark, place in ((b'"enc_', 45), (b'"tok_', 12), (b"****", 0), (b"\xa5ap\x01", 30)):
        yield _changed(found, "persons/bronze", "value", mark, place)
    yield _changed(found, "persons/bronze", "key", b"tok_", 9)
    yield _changed(found, "persons/exceptions", "value", b"\xa5ap\x01", 30)
    for name, mark in (("name", "enc_"), ("emailAddress", "tok_"), ("creditCard", "****")):
        at, row = next((at, row) for at, row in found["persons/silver"].items() if str(row[name]).startswith(mark))
        text = _other(row[name].encode(), 8).decode()
        yield f"persons/silver {name}", _with(found, "persons/silver", at, {name: text})
    at, row = next((at, row) for at, row in found["persons/bronze"].items() if len(row["headers"]) > 2)
    *others, last = row["headers"]
    headers = [*others, {**last, "key": _other(last["key"].encode(), 9).decode()}]
    yield "persons/bronze headers", _with(found, "persons/bronze", at, {"headers": headers})


def _changed(found: Found, table: str, column: str, mark: bytes, place: int) -> tuple[str, Found]:
    at, row = next((at, row) for at, row in found[table].items() if mark in (row[column] or b""))
    value = _other(row[column], row[column].index(mark) + place)
    return f"{table} {column}, {mark!r}", _with(found, table, at, {column: value})


def _other(value: bytes, place: int) -> bytes:
    """The same but for the byte at that place, which is another letter."""
    return value[:place] + (b"A" if value[place : place + 1] != b"A" else b"B") + value[place + 1 :]


def _with(found: Found, table: str, at: tuple[int, int], new: Mapping[str, object]) -> Found:
    return {**found, table: {**found[table], at: {**found[table][at], **new}}}
