"""The DuckDB query that turns JSON texts into columns and says what is wrong with each. Pure: only SQL text.

DuckDB's `from_json` gives NULL for what does not fit, turns "5" into 5 and 5.7 into 6; so the types that the text
really has are compared with the schema's. A whole number must be written as one: 5, not 5.0.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analytics_platform.ingest.json_types import ANYTHING, JsonField, JsonType, Kind

STRUCTURES: Mapping[Kind, Any] = {
    Kind.STRING: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INSTANT: "VARCHAR",  # cast later: DuckDB also takes 'infinity', 'epoch' and times without a zone
    Kind.ARRAY: ["JSON"],
    Kind.MAP: "MAP(VARCHAR, JSON)",
    Kind.ANY: "JSON",
}
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
RFC_3339 = rf"\d{{4}}-\d\d-\d\d[Tt ]{CLOCK}:[0-5]\d(\.\d+)?([Zz]|[+-]{CLOCK})"
FIRST, LAST = "timestamptz '0001-01-01 00:00:00+00'", "timestamptz '9999-12-31 23:59:59.999999+00'"
INVALID = "invalid json"
NO_OBJECT = "not an object"


def decoding_query(root: JsonType) -> str:
    """Reads a relation `bodies(text)`; gives `fault`, and a column c0, c1, … for each field, null where faulty."""
    probe = _Probe(types="t", value="v", depth=0)
    outputs = ", ".join(
        f"case when fault is null then {_output(field.type, probe.value_of((field.name,)))} end as c{place}"
        for place, field in enumerate(root.fields)
    )
    return f"""
        with checked as (select text, json_valid(text) as is_valid from bodies),
        valid as (select text, case when is_valid then text end as valid_text from checked),
        parsed as (select text, valid_text, {_types_sql(root, "valid_text")} as t,
                          {_value_sql(root, "valid_text")} as v from valid),
        judged as (select v, case when text is null then null when valid_text is null then '{INVALID}'
                          when t[1] <> 'OBJECT' then '{NO_OBJECT}' else {_fault_sql(root, probe, "")} end as fault
                   from parsed)
        select fault, {outputs} from judged"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """Where the SQL finds a JSON value: the types of what is in it by place, and its parsed value."""

    types: str
    value: str
    depth: int

    def value_of(self, path: tuple[str, ...]) -> str:
        return ".".join([self.value, *(_name(part) for part in path)])


def _paths(type_: JsonType, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The value itself, then every field of it and of the objects in it; arrays and maps are looked into later."""
    inner = [path for field in type_.fields for path in _paths(field.type, (*above, field.name))]
    return [above, *inner]


def _types_sql(type_: JsonType, text: str) -> str:
    pointers = ["".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path) for path in _paths(type_)]
    return f"json_type({text}, [{', '.join(_literal(pointer) for pointer in pointers)}])"


def _value_sql(type_: JsonType, text: str) -> str:
    return f"from_json({text}, {_literal(json.dumps(_structure(type_), ensure_ascii=False))})"


def _structure(type_: JsonType) -> Any:
    if type_.kind is Kind.OBJECT:
        return {field.name: _structure(field.type) for field in type_.fields}
    return STRUCTURES[type_.kind]


def _fault_sql(root: JsonType, probe: _Probe, label: str) -> str:
    """What is wrong with the value at the probe: an expression of text, null for nothing."""
    paths = {path: f"{probe.types}[{place}]" for place, path in enumerate(_paths(root), start=1)}
    faults = list(_field_faults(root, (), paths, probe, label))
    return f"coalesce({', '.join(faults)})" if faults else "cast(null as varchar)"


def _field_faults(
    type_: JsonType, path: tuple[str, ...], types: dict[tuple[str, ...], str], probe: _Probe, label: str
) -> Iterator[str]:
    for field in type_.fields:
        below = (*path, field.name)
        name = f"{label}{field.name}"
        yield _one_fault(field, types[below], types[path], probe.value_of(below), name)
        if field.type.items is not None:
            yield _inner_fault(field.type, probe.value_of(below), probe.depth, name)
        yield from _field_faults(field.type, below, types, probe, f"{name}.")


def _one_fault(field: JsonField, found: str, around: str, value: str, name: str) -> str:
    absent = f"{found} is null" if field.type.is_nullable else f"({found} is null or {found} = 'NULL')"
    missing = f"when {around} = 'OBJECT' and {absent} then {_literal(f'missing {name}')}" if field.is_required else ""
    wrong = f"when {found} <> 'NULL' and {_misfit(field.type.kind, found, value)} then {_literal(f'wrong type {name}')}"
    return f"case {missing} {wrong} {_repeated(field.type, found, value, name)} end"


def _repeated(type_: JsonType, found: str, value: str, name: str) -> str:
    """DuckDB makes no map of an object in which a key stands twice."""
    if type_.kind is not Kind.MAP:
        return ""
    return f"when {found} = 'OBJECT' and {value} is null then {_literal(f'key twice in {name}')}"


def _inner_fault(outer: JsonType, value: str, depth: int, name: str) -> str:
    """The first fault among an array's items or a map's values; null ones pass. Keys are data: none is named."""
    inner, label = _inner(outer), name + ("{}" if outer.kind is Kind.MAP else "[]")
    text, found = f"x{depth}", f"y{depth}"
    probe = _Probe(types=f"{found}.t", value=f"{found}.v", depth=depth + 1)
    kind = f"{probe.types}[1]"
    wrong = f"when {_misfit(inner.kind, kind, probe.value)} then {_literal(f'wrong type {label}')}"
    faults = [f"case when {kind} is null then null {wrong} {_repeated(inner, kind, probe.value, label)} end"]
    if inner.items is not None:
        faults.append(_inner_fault(inner, probe.value, depth + 1, label))
    faults.append(_fault_sql(inner, probe, f"{label}."))
    # bound once, as t and v: repeated in each fault they would be parsed again for each
    bound = f"struct_pack(t := {_types_sql(inner, text)}, v := {_value_sql(inner, text)})"
    parsed = f"list_transform({_texts(outer, value)}, lambda {text}: {bound})"
    found_faults = f"list_transform({parsed}, lambda {found}: coalesce({', '.join(faults)}))"
    return f"list_filter({found_faults}, lambda fault: fault is not null)[1]"


def _inner(outer: JsonType) -> JsonType:
    """The type of an array's items or a map's values; anything, where nothing is said."""
    return outer.items or ANYTHING


def _texts(outer: JsonType, value: str) -> str:
    """The JSON texts in an array or a map, as a list."""
    return f"map_values({value})" if outer.kind is Kind.MAP else value


def _misfit(kind: Kind, found: str, value: str) -> str:
    """Whether a value that is there is none of the kind."""
    match kind:
        case Kind.STRING:
            return f"{found} <> 'VARCHAR'"
        case Kind.BOOLEAN:
            return f"{found} <> 'BOOLEAN'"
        case Kind.INTEGER:
            return f"({found} not in ('UBIGINT', 'BIGINT') or {value} is null)"
        case Kind.NUMBER:
            return f"({found} not in ('UBIGINT', 'BIGINT', 'DOUBLE') or {value} is null or not isfinite({value}))"
        case Kind.INSTANT:
            time = f"coalesce(try_cast({value} as timestamptz) between {FIRST} and {LAST}, false)"
            return f"({found} <> 'VARCHAR' or not regexp_full_match({value}, '{RFC_3339}') or not {time})"
        case Kind.OBJECT | Kind.MAP:
            return f"{found} <> 'OBJECT'"
        case Kind.ARRAY:
            return f"{found} <> 'ARRAY'"
    return "false"


def _output(type_: JsonType, value: str, depth: int = 0) -> str:
    """The value as its column has it: instants cast, items parsed, anything else kept as JSON text."""
    match type_.kind:
        case Kind.INSTANT:
            return f"try_cast({value} as timestamptz)"
        case Kind.ANY:
            return f"cast({value} as varchar)"
        case Kind.OBJECT:
            inner = (f"{_name(f.name)} := {_output(f.type, f'{value}.{_name(f.name)}', depth)}" for f in type_.fields)
            return f"case when {value} is not null then struct_pack({', '.join(inner)}) end"
        case Kind.ARRAY:
            return _output_items(_inner(type_), value, depth)
        case Kind.MAP:
            values = _output_items(_inner(type_), f"map_values({value})", depth)
            return f"case when {value} is not null then map(map_keys({value}), {values}) end"
    return value


def _output_items(inner: JsonType, texts: str, depth: int) -> str:
    text, found = f"x{depth}", f"y{depth}"
    parsed = f"list_transform({texts}, lambda {text}: {_value_sql(inner, text)})"
    return f"list_transform({parsed}, lambda {found}: {_output(inner, found, depth + 1)})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
