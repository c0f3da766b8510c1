"""The hunt for a pair of schemas that is called compatible although a reader breaks.

`python -m analytics_platform_tests.registry.compatibility.hunt avro 7 1000` hunts among a thousand pairs made from seed
7 and prints what it found as JSON: in a process of its own it can judge by another copy of the code.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from fastavro.schema import SchemaParseException, UnknownType

from analytics_platform.errors import InvalidSchemaError
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import Break, BreakKind, SchemaText, breaks, normalize
from analytics_platform_tests.registry.compatibility import decoded_avro, decoded_json, generated_avro, generated_json
from analytics_platform_tests.registry.compatibility.schemas import avro, json_

TRIES = {"avro": 8, "json": 5}  # values made up per pair
SHOWN = 5


@dataclass(slots=True)
class Tally:
    """What became of the pairs; `strict` are refused although no reader broke on what was tried.

    `only_libraries` are refused by a library alone, with a reader that did break: what our own rules missed.
    """

    pairs: int = 0
    not_schemas: int = 0
    compatible: int = 0
    incompatible: int = 0
    strict: int = 0
    wrong: int = 0
    only_libraries: int = 0
    strict_by_kind: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def note(self, found: list[Break], broken: list[str], pair: tuple[Any, Any]) -> None:
        """Count one pair."""
        self.pairs += 1
        if not found and broken:
            self.wrong += 1
            self.examples += [f"{json.dumps(pair)}: {broken[0]}"][: SHOWN - len(self.examples)]
        elif not found:
            self.compatible += 1
        elif broken:
            self.incompatible += 1
            self.only_libraries += found[0].kind is BreakKind.SECOND_OPINION
        else:
            self.strict += 1
            self.strict_by_kind[found[0].kind] += 1

    def add(self, other: "Tally") -> None:
        """Count what another hunt found too."""
        for name in ("pairs", "not_schemas", "compatible", "incompatible", "strict", "wrong", "only_libraries"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.strict_by_kind += other.strict_by_kind
        self.examples += other.examples[: SHOWN - len(self.examples)]


def hunt(format_: str, seed: int, pairs: int) -> Tally:
    """Judge that many pairs of schemas, and let readers decode what their writers may write."""
    chance = random.Random(seed)
    tally = Tally()
    for writer, reader, failures in {"avro": _avro, "json": _json}[format_](chance):
        if tally.pairs == pairs:
            break
        write = avro if format_ == "avro" else json_
        try:
            found = _judged(write(writer), write(reader), by_new_reader=chance.random() < 0.5)
            broken = list(failures(chance, TRIES[format_]))
        except (InvalidSchemaError, SchemaParseException, UnknownType):
            tally.not_schemas += 1
        else:
            tally.note(found, broken, (writer, reader))
    return tally


def _judged(writer: SchemaText, reader: SchemaText, *, by_new_reader: bool) -> list[Break]:
    """The verdict on reading the writer's data, whichever of the two is new; InvalidSchemaError if one is no schema."""
    normalize(writer), normalize(reader)
    if by_new_reader:
        return breaks(reader, [writer], Compatibility.BACKWARD)
    return breaks(writer, [reader], Compatibility.FORWARD)


Found = tuple[Any, Any, Callable[[random.Random, int], Iterator[str]]]


def _avro(chance: random.Random) -> Iterator[Found]:
    schemas = generated_avro.Schemas(chance)
    while True:
        writer, reader = schemas.pair()
        yield writer, reader, lambda chance, tries, pair=(writer, reader): _avro_failures(pair, chance, tries)


def _avro_failures(pair: tuple[Any, Any], chance: random.Random, tries: int) -> Iterator[str]:
    return decoded_avro.failures(decoded_avro.Reading(*pair), chance, tries)


def _json(chance: random.Random) -> Iterator[Found]:
    schemas = generated_json.Schemas(chance)
    while True:
        writer, reader = schemas.pair()
        yield writer, reader, lambda chance, tries, pair=(writer, reader): decoded_json.failures(*pair, chance, tries)


if __name__ == "__main__":
    found = hunt(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({each.name: getattr(found, each.name) for each in fields(found)}))  # noqa: T201 its answer
