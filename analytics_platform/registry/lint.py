"""Rules for schemas that people are to understand years later: meaning, personal data, names, units, times. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from analytics_platform.registry.compatibility import SchemaText
from analytics_platform.registry.fields import NUMBERS, TEXTS, SchemaField, fields_of
from analytics_platform.registry.subject import Decision

NAME = re.compile(r"[a-z][A-Za-z0-9]*|[a-z][a-z0-9]*(_[a-z0-9]+)*")
SNAKE, CAMEL = re.compile(r"_"), re.compile(r"[a-z0-9][A-Z]")
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
MEASURES = (
    *("price", "cost", "amount", "total", "fee", "tax", "bid", "reserve", "revenue", "balance", "salary"),
    *("duration", "delay", "timeout", "latency", "age", "size", "length", "width", "height", "weight"),
    *("distance", "speed", "temperature", "volume"),
)
UNIT_WORDS = (
    *("cents", "eur", "usd", "gbp", "ns", "us", "ms", "micros", "millis", "seconds", "secs", "minutes", "hours"),
    *("days", "months", "years", "bytes", "kb", "mb", "gb", "km", "m", "cm", "mm", "kg", "g", "celsius"),
    *("percent", "ratio", "count"),
)
TIME_WORDS = (
    *("at", "time", "timestamp", "date", "datetime", "expires", "created", "updated", "deleted", "since", "until"),
)
FIRST_TIME_WORDS = ("created", "updated", "expires")
TIME_TYPES = (
    *("date", "date-time", "time", "time-millis", "time-micros", "duration"),
    *("timestamp-millis", "timestamp-micros", "timestamp-nanos"),
    *("local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos"),
)
DECISIONS = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a field, and what to do."""

    path: str
    problem: str
    remedy: str


def faults_of(schema: SchemaText, decided: Mapping[str, Decision]) -> list[Fault]:
    """What is wrong with a schema; `decided` says by path what is not in its text."""
    fields = fields_of(schema)
    found = [fault for field in fields for fault in _faults(field, decided.get(field.path, Decision()))]
    found += _mixed_names(fields)
    known = {field.path for field in fields}
    for path in sorted(set(decided) - known):
        found.append(Fault(path=path, problem="is decided and no field of the schema", remedy="mend its path"))
    return found


def pii_of(field: SchemaField, decided: Decision) -> str:
    """The decision about a field's personal data, wherever it was made; "" if none was."""
    return field.pii or decided.pii


def _faults(field: SchemaField, decided: Decision) -> Iterator[Fault]:
    for rule in RULES:
        yield from rule(field, decided)


def _meaning(field: SchemaField, _: Decision) -> Iterator[Fault]:
    if not field.doc.strip():
        yield Fault(
            path=field.path, problem="has no doc", remedy="say what it means: `doc` (Avro), `description` (JSON)"
        )


def _personal_data(field: SchemaField, decided: Decision) -> Iterator[Fault]:
    found = pii_of(field, decided)
    if not found and not field.holds_fields:
        remedy = "say `pii: none`, or what it is: email, name, payment, address …; in the schema, or in subject.yaml"
        yield Fault(path=field.path, problem="nobody has decided whether it is personal data", remedy=remedy)
    elif found and not DECISIONS.fullmatch(found):
        yield Fault(path=field.path, problem=f"pii {found!r} is no tag", remedy="use one word in lower case, or none")
    if field.pii and decided.pii and field.pii != decided.pii:
        problem = f"is {field.pii} by its schema and {decided.pii} by subject.yaml"
        yield Fault(path=field.path, problem=problem, remedy="take it out of subject.yaml")


def _naming(field: SchemaField, _: Decision) -> Iterator[Fault]:
    if not NAME.fullmatch(field.name):
        remedy = "begin in lower case and use letters and digits, as in `itemName` or `item_name`"
        yield Fault(path=field.path, problem=f"{field.name!r} is no good name", remedy=remedy)


def _units(field: SchemaField, decided: Decision) -> Iterator[Fault]:
    words = words_of(field.name)
    is_measure = any(word in MEASURES for word in words) and bool(field.kinds & NUMBERS)
    has_unit = bool(field.unit or decided.unit) or any(word in UNIT_WORDS for word in words)
    if is_measure and not has_unit:
        remedy = "end its name in the unit (`price_cents`), or say `unit`; in the schema, or in subject.yaml"
        yield Fault(path=field.path, problem="is a measure without a unit", remedy=remedy)


def _times(field: SchemaField, _: Decision) -> Iterator[Fault]:
    words = words_of(field.name)
    is_time = bool(words) and (words[-1] in TIME_WORDS or words[0] in FIRST_TIME_WORDS)
    if is_time and field.kinds & (NUMBERS | TEXTS) and field.logical not in TIME_TYPES:
        remedy = "give it a logical type (timestamp-millis, date …), or in JSON a format (date-time, date, time)"
        yield Fault(path=field.path, problem="is a time by its name and a bare value by its type", remedy=remedy)


def _mixed_names(fields: list[SchemaField]) -> Iterator[Fault]:
    snake = [field for field in fields if SNAKE.search(field.name)]
    camel = [field for field in fields if CAMEL.search(field.name)]
    if snake and camel:
        problem = f"is written otherwise than {camel[0].path}"
        yield Fault(path=snake[0].path, problem=problem, remedy="write all names of a schema in one way")


def words_of(name: str) -> list[str]:
    """The words that a name is made of, in lower case."""
    return [word.lower() for word in WORDS.findall(name)]


Rule = Callable[[SchemaField, Decision], Iterator[Fault]]
RULES: tuple[Rule, ...] = (_meaning, _personal_data, _naming, _units, _times)
