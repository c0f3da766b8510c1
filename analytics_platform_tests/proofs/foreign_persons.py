"""Persons of the auction house as a foreign producer may write them: each in its own way, some of them broken. Pure."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.local.auction_house.faults import MALFORMED
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.house_records import house_records

PARTITIONS = 2
PREFIX_BYTES = 5
STRETCH = 90  # records one after another that are written alike
FAULTY = 40  # persons whose records are broken
AGAIN = 8  # one record of so many is followed by another about the same person, at the end
Person = dict[str, Any]
Change = Callable[[FakeRecord, Person, random.Random], FakeRecord]


def foreign_persons(schema_id: int, count: int, seed: int, at_ms: int) -> list[list[FakeRecord]]:
    """By partition, records about `count` persons, some of whom come again at the end; `at_ms` is when all are sent."""
    chance = random.Random(seed)
    faults = [MALFORMED[number % len(MALFORMED)] for number in range(FAULTY)]
    rows = house_records(Kind.PERSONS, count, schema_id, is_json=True, faults=faults, seed=seed).to_pylist()
    chance.shuffle(rows)
    logs: list[list[FakeRecord]] = [[] for _ in range(PARTITIONS)]
    for number, row in enumerate(rows):
        record = replace(record_of(row), at_ms=at_ms)
        write = _spaced if number // STRETCH % 2 else _as_it_is
        logs[number % PARTITIONS] += _sent(record, write, chance)
    for log in logs:
        log += [_again(record, chance) for record in chance.sample(log, len(log) // AGAIN)]
    return logs


def records_of(logs: list[list[FakeRecord]]) -> list[pa.Table]:
    """By partition, the same as a producer's own code has them, before they leave."""
    return [
        pa.Table.from_pylist([_row(partition, offset, record) for offset, record in enumerate(log)], RECORDS_SCHEMA)
        for partition, log in enumerate(logs)
    ]


def record_of(row: Mapping[str, Any]) -> FakeRecord:
    """A row of RECORDS_SCHEMA as a record to be sent."""
    headers = tuple((pair["key"], pair["value"]) for pair in row["headers"])
    at_ms = round(row["broker_at"].timestamp() * 1000)
    return FakeRecord(value=row["value"], key=row["key"], headers=headers, at_ms=at_ms)


def _row(partition: int, offset: int, record: FakeRecord) -> dict[str, Any]:
    headers = [{"key": name, "value": value} for name, value in record.headers]
    about = {"partition": partition, "offset": offset, "broker_at": record.at_ms * 1000}
    return {**about, "key": record.key, "value": record.value, "headers": headers}


def _sent(record: FakeRecord, write: Change, chance: random.Random) -> list[FakeRecord]:
    """The record in that writing, at times changed or copied."""
    person = _person(record)
    if person is None:
        return [record]
    record = write(record, person, chance)
    match chance.randrange(12):
        case 0:
            return [record, record]
        case 1 | 2:
            return [chance.choice(CHANGES)(record, person, chance)]
    return [record]


def _person(record: FakeRecord) -> Person | None:
    """What the record says; None where that cannot be read."""
    try:
        return json.loads((record.value or b"")[PREFIX_BYTES:])
    except ValueError:
        return None


def _written(record: FakeRecord, text: str) -> FakeRecord:
    return replace(record, value=(record.value or b"")[:PREFIX_BYTES] + text.encode())


def _as_it_is(record: FakeRecord, _: Person, __: random.Random) -> FakeRecord:
    return record


def _spaced(record: FakeRecord, person: Person, _: random.Random) -> FakeRecord:
    """As Python writes JSON if nobody tells it otherwise."""
    return _written(record, json.dumps(person))


def _indented(record: FakeRecord, person: Person, _: random.Random) -> FakeRecord:
    return _written(record, json.dumps(person, indent=1))


def _other_script(record: FakeRecord, person: Person, chance: random.Random) -> FakeRecord:
    """Names and cards beyond ASCII, escaped or not."""
    named = {**person, "name": f"Žofie {person['name']}", "creditCard": f"{person['creditCard']} Ünal"}
    return _written(record, json.dumps(named, ensure_ascii=chance.random() < 0.5))


def _undeclared(record: FakeRecord, person: Person, _: random.Random) -> FakeRecord:
    return _written(record, json.dumps({**person, "nickname": person["name"], "phone": [person["creditCard"]]}))


def _twice(record: FakeRecord, person: Person, _: random.Random) -> FakeRecord:
    return _written(record, json.dumps(person)[:-1] + f', "name": "{person["name"]} II"}}')


def _other_key(record: FakeRecord, person: Person, _: random.Random) -> FakeRecord:
    return replace(record, key=person["emailAddress"].encode())


def _told_in_headers(record: FakeRecord, person: Person, _: random.Random) -> FakeRecord:
    more = (("who", person["emailAddress"].encode()), (person["name"], b"x"), ("card", None))
    return replace(record, headers=(*record.headers, *more))


def _tombstone(record: FakeRecord, _: Person, __: random.Random) -> FakeRecord:
    return replace(record, value=None)


def _again(record: FakeRecord, chance: random.Random) -> FakeRecord:
    """Another event about the same person, who has another card by now; a broken record comes as it was."""
    person = _person(record)
    if person is None:
        return record
    card = " ".join(f"{chance.randrange(10_000):04}" for _ in range(4))
    ids = [(name, value + b"-again" if name == "event_id" and value else value) for name, value in record.headers]
    return replace(_written(record, json.dumps({**person, "creditCard": card})), headers=tuple(ids))


CHANGES: tuple[Change, ...] = (
    _indented,
    _other_script,
    _undeclared,
    _twice,
    _other_key,
    _told_in_headers,
    _tombstone,
)
