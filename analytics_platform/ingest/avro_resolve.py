"""Avro's rules for reading one schema's data with another, turned into steps. Pure.

Everything that could only fail is refused when the plan is made. A change of logical type is refused too: plain
Avro would let milliseconds be read as microseconds.
"""

from dataclasses import dataclass

import pyarrow as pa

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.avro_defaults import default_value
from analytics_platform.ingest.avro_steps import (
    Boolean,
    Choice,
    Fields,
    Floating,
    Integer,
    Nothing,
    Number,
    Optional,
    Step,
    Stretch,
)
from analytics_platform.ingest.avro_types import (
    MISSING,
    NULL,
    AvroType,
    Collection,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Primitive,
    Record,
    Union,
    arrow_type,
)

PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)
# Years 1 to 9999, as far as datetime, DuckDB and Spark agree: in days, and in milliseconds.
DAYS = (-719_162, 2_932_896)
MILLIS = (DAYS[0] * 86_400_000, (DAYS[1] + 1) * 86_400_000 - 1)
MICROS = (MILLIS[0] * 1000, MILLIS[1] * 1000 + 999)
TIMES = {
    "date": (DAYS, 1),
    "timestamp-millis": (MILLIS, 1000),
    "timestamp-micros": (MICROS, 1),
    "local-timestamp-millis": (MILLIS, 1000),
    "local-timestamp-micros": (MICROS, 1),
}


def is_plain(avro: AvroType) -> bool:
    """Whether lanes can read it; arrays, maps, larger unions and recursion they cannot."""
    match avro:
        case Record(fields=fields):
            return all(is_plain(field.type) for field in fields)
        case Union():
            return avro.null_branch is not None and is_plain(avro.value)
        case Primitive() | Decimal() | Fixed() | Enumeration():
            return True
    return False


def resolve_record(writer: Record, reader: Record, where: str) -> Fields:
    """The steps that read the writer's record into the reader's columns; raises DeclarationError."""
    if not _same_name(writer, reader):
        raise DeclarationError(where, f"{writer.name} is not {reader.name}", "add the old name to `aliases`")
    return _Resolver(where).record(writer, reader)


@dataclass(frozen=True, slots=True)
class _Resolver:
    """Resolves below `where`, which errors name."""

    where: str

    def resolve(self, writer: AvroType, reader: AvroType) -> Step:
        match writer, reader:
            case Union(), _:
                return self._union(writer, reader)
            case _, Union():
                return self._into_union(writer, reader)
            case Record(), Record() if _same_name(writer, reader):
                return self.record(writer, reader)
            case Enumeration(), Enumeration() if _same_name(writer, reader):
                return self._enumeration(writer, reader)
            case Fixed(), Fixed() if _same_name(writer, reader) and writer.size == reader.size:
                return Stretch(type=pa.binary(), size=writer.size)
            case Decimal(), Decimal() if writer == reader:
                return _skip(writer)
            case Primitive(), Primitive() if writer == reader or _is_promotion(writer, reader):
                return _primitive(writer, arrow_type(reader, self.where))
        raise self._refusal(writer, reader)

    def _union(self, writer: Union, reader: AvroType) -> Step:
        target, may_be_null = reader, False
        if isinstance(reader, Union) and reader.null_branch is not None:
            target, may_be_null = reader.value, True
        value = self.resolve(writer.value, target)
        branch = writer.branches.index(writer.value)
        return Optional(value=value, value_branch=branch, may_be_null=may_be_null)

    def _into_union(self, writer: AvroType, reader: Union) -> Step:
        if reader.null_branch is None or writer == NULL:
            raise self._refusal(writer, reader)
        return self.resolve(writer, reader.value)

    def record(self, writer: Record, reader: Record) -> Fields:
        by_name = {field.name: field for field in reader.fields}
        by_alias = {alias: field for field in reader.fields for alias in field.aliases}
        steps: list[tuple[str | None, Step]] = []
        for field in writer.fields:
            wanted = by_name.get(field.name) or by_alias.get(field.name)
            if wanted is None or any(wanted.name == name for name, _ in steps):
                steps.append((None, _skip(field.type)))
            else:
                below = _Resolver(f"{self.where}, field {wanted.name}")
                steps.append((wanted.name, below.resolve(field.type, wanted.type)))
        found = {name for name, _ in steps}
        defaults = {field.name: self._default(field) for field in reader.fields if field.name not in found}
        return Fields(steps=tuple(steps), order=tuple(by_name), defaults=defaults)

    def _default(self, field: Field) -> tuple[object, pa.DataType]:
        where = f"{self.where}, field {field.name}"
        if field.default is MISSING:
            raise DeclarationError(where, "the writer does not have it, and it has no default", "give it a default")
        return default_value(field.type, field.default, where), arrow_type(field.type, where)

    def _enumeration(self, writer: Enumeration, reader: Enumeration) -> Choice:
        places = {symbol: place for place, symbol in enumerate(reader.symbols)}
        if reader.default is not None and reader.default not in places:
            raise DeclarationError(self.where, f"default {reader.default} is none of its symbols", "name one of them")
        otherwise = -1 if reader.default is None else places[reader.default]
        return Choice(symbols=reader.symbols, known=tuple(places.get(s, otherwise) for s in writer.symbols))

    def _refusal(self, writer: AvroType, reader: AvroType) -> DeclarationError:
        problem = f"{describe(writer)} cannot be read as {describe(reader)}"
        return DeclarationError(self.where, problem, "keep the type, or add a new field with a default")


def describe(avro: AvroType) -> str:
    """A type in the words of its schema."""
    match avro:
        case Primitive(kind=kind, logical=logical):
            return f"{kind} ({logical})" if logical else kind
        case Decimal(precision=precision, scale=scale):
            return f"decimal({precision}, {scale})"
        case Union(branches=branches):
            return f"union of {', '.join(describe(branch) for branch in branches)}"
        case Collection(kind=kind, items=items):
            return f"{kind} of {describe(items)}"
    return f"{type(avro).__name__.lower()} {avro.name}"


def _skip(avro: AvroType) -> Step:
    """The step that reads a type as it was written."""
    match avro:
        case Primitive(kind="null"):
            return Nothing()
        case Primitive():
            return _primitive(avro, arrow_type(avro, ""))
        case Decimal(precision=precision, scale=scale, size=size):
            return Number(type=pa.decimal128(precision, scale), size=size)
        case Fixed(size=size):
            return Stretch(type=pa.binary(), size=size)
        case Enumeration(symbols=symbols):
            return Choice(symbols=symbols, known=tuple(range(len(symbols))))
        case Union():
            return Optional(value=_skip(avro.value), value_branch=avro.branches.index(avro.value))
        case Record(fields=fields):
            return Fields(steps=tuple((None, _skip(field.type)) for field in fields), order=(), defaults={})
    raise DeclarationError("", f"lanes cannot read {describe(avro)}", "ask is_plain first")


def _primitive(writer: Primitive, type_: pa.DataType) -> Step:
    match writer.kind:
        case "int" | "long" as kind:
            (low, high), factor = TIMES.get(writer.logical, (INT if kind == "int" else LONG, 1))
            return Integer(type=type_, low=low, high=high, factor=factor)
        case "float" | "double" as kind:
            return Floating(type=type_, size=4 if kind == "float" else 8)
        case "boolean":
            return Boolean()
    return Stretch(type=type_)


def _is_promotion(writer: Primitive, reader: Primitive) -> bool:
    return not writer.logical and not reader.logical and reader.kind in PROMOTIONS.get(writer.kind, ())


def _same_name(writer: Record | Enumeration | Fixed, reader: Record | Enumeration | Fixed) -> bool:
    """Unqualified names must agree, or the reader must know the writer's as an alias."""
    short = writer.name.rpartition(".")[2]
    return short == reader.name.rpartition(".")[2] or short in reader.aliases or writer.name in reader.aliases
