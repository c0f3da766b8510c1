"""Values of Avro schemas, written for real and read for real: what a reader makes of them, by fastavro."""

import datetime as dt
import io
import json
import random
import uuid
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import fastavro

from analytics_platform_tests.registry.compatibility.generated_avro import FIELDS

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
OTHER = "OTHER"  # what every enum of ours has for its default
TEXTS = ("", "a", "é", "00000000-0000-4000-8000-000000000001")
BYTES = (b"", b"a", b"\xff\xfe", b"\x00\x01\x02")
DEEPEST = 6
ALIKE = (  # kinds of branches that take one and the same bare value
    {"int", "long", "float", "double"},
    {"string", "enum"},
    {"bytes", "fixed"},
    {"record", "map"},
)
KINDS = {"null", "boolean", "array"}.union(*ALIKE)


class UnwritableError(Exception):
    """The schema has no value that is small enough to be made up."""


class Values:
    """Makes values of one schema."""

    def __init__(self, chance: random.Random, parsed: Any) -> None:
        self.chance, self.named = chance, dict[str, Any]()
        self.schema = parsed
        self._remember(parsed)

    def _remember(self, node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                self._remember(each)
        elif isinstance(node, dict):
            if "name" in node:
                self.named[node["name"]] = node
            for inner in ("items", "values", "type"):
                if isinstance(node.get(inner), dict | list):
                    self._remember(node[inner])
            for field in node.get("fields", ()):
                self._remember(field["type"])

    def some(self) -> Any:
        return self.of(self.schema, 0)

    def of(self, type_: Any, depth: int) -> Any:
        if isinstance(type_, list):
            return self._branch(type_, depth)
        if isinstance(type_, str):
            return self.of(self.named[type_], depth) if type_ in self.named else self._scalar(type_)
        return self._logical(type_) if "logicalType" in type_ else self._plain(type_, depth)

    def _plain(self, type_: dict[str, Any], depth: int) -> Any:
        match type_["type"]:
            case "record":
                if depth > DEEPEST:
                    raise UnwritableError
                return {field["name"]: self.of(field["type"], depth + 1) for field in type_["fields"]}
            case "enum":
                return self.chance.choice(type_["symbols"])
            case "fixed":
                return self.chance.choice((b"abc", b"\xff\x00\x7f"))[: type_["size"]]
            case "array":
                return [self.of(type_["items"], depth + 1) for _ in range(self._count(depth))]
            case "map":
                return {key: self.of(type_["values"], depth + 1) for key in FIELDS[: self._count(depth)]}
        return self.of(type_["type"], depth)

    def _branch(self, branches: list[Any], depth: int) -> Any:
        if not branches:
            raise UnwritableError
        if depth > DEEPEST - 2 and "null" in branches:
            return None
        branch = self.chance.choice(branches)
        value = self.of(branch, depth + 1)
        name = branch if isinstance(branch, str) else branch.get("name")
        return (name, value) if name in self.named else value

    def _count(self, depth: int) -> int:
        return 0 if depth > DEEPEST - 2 else self.chance.choice((0, 1, 2))

    def _scalar(self, kind: str) -> Any:
        pools: dict[str, tuple[Any, ...]] = {
            "null": (None,),
            "boolean": (True, False),
            "int": (0, -1, 7, 2**31 - 1, -(2**31)),
            "long": (2**40, 2**62, -(2**63)),  # nothing that an int could be taken for
            "float": (0.0, -1.5, 1024.0),
            "double": (0.0, -1.5, 1e300),
            "string": TEXTS,
            "bytes": BYTES,
        }
        return self.chance.choice(pools[kind])

    def _logical(self, type_: dict[str, Any]) -> Any:
        seconds = self.chance.choice((1_700_000_000, 1_700_000_001))
        at = EPOCH + dt.timedelta(seconds=seconds)
        match type_["logicalType"]:
            case "decimal":
                return Decimal(self.chance.choice((0, 1, -12345))).scaleb(-type_["scale"])
            case "date":
                return at.date()
            case "time-millis" | "time-micros":
                return at.time()
            case "timestamp-millis" | "timestamp-micros":
                return at
            case "local-timestamp-millis" | "local-timestamp-micros":
                return at.replace(tzinfo=None)
            case "uuid":
                return uuid.UUID(int=seconds)
        raise AssertionError(type_)


class Reading:
    """A writer and a reader, and the two ways in which readers take logical types.

    fastavro and Apache's Python take a logical type from the writer's schema, Java takes it from the reader's: there
    the bare value is what is read, and then it is what the reader's schema makes of it.
    """

    def __init__(self, writer: Any, reader: Any) -> None:
        self.writer, self.reader = parsed(writer), parsed(reader)
        self.bare_writer, self.bare_reader = parsed(bare(writer)), parsed(bare(reader))

    def problem(self, body: bytes) -> str | None:
        """What is wrong with what one of them reads; the writer's own reading says what was meant."""
        meant = _read(body, self.writer, self.writer)
        try:
            found = [_read(body, self.writer, self.reader)]
            raw = _read(body, self.bare_writer, self.bare_reader, named=True)
            found += [_read(again, self.reader, self.reader) for again in self._again(raw)]
        except Exception as error:  # whatever a reader dies of, it has not read
            return f"{type(error).__name__}: {error}"
        wrong = next((each for each in found if not agree(meant, each)), meant)
        return None if wrong is meant else f"read as {wrong!r}, meant {meant!r}"

    def _again(self, raw: Any) -> Iterator[bytes]:
        """The bare value as the reader would have written it, if fastavro can write just that.

        It leaves defaults of bytes as the JSON they were. Where two branches of a union take the same value, nothing is
        said: the value does not tell which of them it was read with, and fastavro would write it as the first.
        """
        if _has_alike_branches(self.bare_reader):
            return
        with suppress(TypeError, ValueError):
            body = _written(self.bare_reader, raw)
            if repr(_read(body, self.bare_reader, self.bare_reader, named=True)) == repr(raw):
                yield body


def parsed(schema: Any) -> Any:
    """The schema as fastavro reads it; raises its errors."""
    return fastavro.parse_schema(json.loads(json.dumps(schema)), named_schemas={})


def bare(schema: Any) -> Any:
    """The schema without logical types."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key != "logicalType"}
    return schema


def _has_alike_branches(schema: Any) -> bool:
    """Whether some union has several branches that take the same bare value; a name may stand for any of them."""
    if isinstance(schema, str):
        return False
    if isinstance(schema, dict):
        below = [schema.get(inner, "null") for inner in ("type", "items", "values")]
        return any(map(_has_alike_branches, [*below, *(field["type"] for field in schema.get("fields", ()))]))
    kinds = [each["type"] if isinstance(each, dict) else each for each in schema]
    is_alike = any(sum(kind in group or kind not in KINDS for kind in kinds) > 1 for group in ALIKE)
    return is_alike or any(map(_has_alike_branches, schema))


def failures(reading: Reading, chance: random.Random, tries: int) -> Iterator[str]:
    """What goes wrong when values of the writer are read with the reader."""
    values = Values(chance, reading.writer)
    for _ in range(tries):
        try:
            value = values.some()
            body = _written(reading.writer, value)
        except (UnwritableError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            continue  # the value is none of this writer's: our mistake, not the reader's
        problem = reading.problem(body)
        if problem:
            yield f"{value!r}: {problem}"


def _written(schema: Any, value: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, value)
    return buffer.getvalue()


def _read(body: bytes, writer: Any, reader: Any, *, named: bool = False) -> Any:
    """The value; `named`: those of named types in unions together with their names, as they are written."""
    return fastavro.schemaless_reader(io.BytesIO(body), writer, reader, return_named_type=named)


def agree(meant: Any, found: Any) -> bool:
    """Whether two readings mean the same; fields that one of them lacks, and promoted numbers and texts, may differ."""
    if isinstance(meant, dict) and isinstance(found, dict):
        return all(agree(value, found[key]) for key, value in meant.items() if key in found)
    if isinstance(meant, list) and isinstance(found, list):
        return len(meant) == len(found) and all(agree(*pair) for pair in zip(meant, found, strict=True))
    if isinstance(found, str) and found == OTHER:
        return True
    if isinstance(meant, str) and isinstance(found, bytes):
        return meant.encode() == found
    if isinstance(meant, bytes) and isinstance(found, str):
        return meant == found.encode()
    if _is_number(meant) and _is_number(found):
        return abs(meant - found) <= 1e-6 * abs(meant)
    return type(meant) is type(found) and meant == found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
