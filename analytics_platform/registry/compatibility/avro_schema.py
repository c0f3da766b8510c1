"""Avro schemas as typed values that keep all that compatibility depends on, aliases and logical types too. Pure.

Named types are held once and referred to by full name wherever they are used, so a recursive schema is a finite value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MISSING = object()  # a field without a default; None is a default of its own
PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Logical:
    """What a value means beyond its type; precision and scale are of decimals."""

    name: str
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision}, {self.scale})" if self.name == "decimal" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive:
    """One of Avro's primitive types."""

    kind: str
    logical: Logical | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always `size` bytes."""

    name: str
    size: int
    aliases: tuple[str, ...] = ()
    logical: Logical | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """One of `symbols`; `default` stands for a writer's symbol that the reader does not know."""

    name: str
    symbols: tuple[str, ...]
    default: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """A field of a record; `default` is JSON, or MISSING."""

    name: str
    type: "AvroType"
    aliases: tuple[str, ...] = ()
    default: Any = MISSING


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """Fields, one after another."""

    name: str
    fields: tuple[Field, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """An array of `items`, or a map from text to them."""

    kind: str
    items: "AvroType"


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """One of the branches."""

    branches: tuple["AvroType", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A use of a named type, by its full name."""

    name: str


NamedType = Fixed | Enumeration | Record
AvroType = Primitive | Collection | Union | Named
Resolved = Primitive | Collection | Union | NamedType


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AvroSchema:
    """A type, and the named types that it uses; those of its references among them."""

    root: AvroType
    named: Mapping[str, NamedType]

    def resolve(self, type_: AvroType) -> Resolved:
        """The type itself, where a named one was only referred to."""
        return self.named[type_.name] if isinstance(type_, Named) else type_


def describe(type_: Resolved | AvroType) -> str:
    """A type in the words of its schema."""
    match type_:
        case Primitive(kind=kind, logical=logical):
            return f"{kind} ({logical})" if logical else kind
        case Fixed(name=name, size=size, logical=logical):
            return f"fixed {name} of {size} bytes" + (f" ({logical})" if logical else "")
        case Union(branches=branches):
            return f"union of {', '.join(describe(branch) for branch in branches) or 'nothing'}"
        case Collection(kind=kind, items=items):
            return f"{kind} of {describe(items)}"
        case Named(name=name):
            return name
        case Enumeration(name=name):
            return f"enum {name}"
        case Record(name=name):
            return f"record {name}"
