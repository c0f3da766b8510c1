"""Avro's rules for reading one schema's data with another, and what they leave open closed. Pure.

The specification's rules of schema resolution (1.12.0, "Schema Resolution"), and stricter than it in four places, for a
reader would break there: logical types must be equal; bytes are no text, for few bytes are UTF-8; of a union, every
branch that some reader may pick must do, not only one of them; an alias must lead to one field.
"""

from analytics_platform.registry.compatibility.avro_defaults import fits
from analytics_platform.registry.compatibility.avro_schema import (
    MISSING,
    AvroSchema,
    AvroType,
    Collection,
    Enumeration,
    Field,
    Fixed,
    Named,
    NamedType,
    Primitive,
    Record,
    Resolved,
    Union,
    describe,
)
from analytics_platform.registry.compatibility.findings import BreakKind, Finding, Trail

PROMOTIONS = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
}
UNSAFE_PROMOTIONS = {"bytes": frozenset({"string"})}  # the specification's; a reader breaks at the first byte above 127


def unreadable(writer: AvroSchema, reader: AvroSchema) -> list[Finding]:
    """Why data of the writer cannot all be read with the reader; empty if it can."""
    comparison = _Comparison(writer, reader)
    comparison.compare(writer.root, reader.root, Trail())
    return comparison.found


class _Comparison:
    """Compares types pair by pair; a pair of named types once, so that recursion ends."""

    def __init__(self, writer: AvroSchema, reader: AvroSchema) -> None:
        self.writer, self.reader = writer, reader
        self.compared: set[tuple[str, str]] = set()
        self.found: list[Finding] = []

    def compare(self, written: AvroType, read: AvroType, trail: Trail) -> None:
        """Note what breaks between two types, and below them."""
        if isinstance(written, Named) and isinstance(read, Named):
            if (written.name, read.name) in self.compared:
                return
            self.compared.add((written.name, read.name))
        ours, theirs = self.writer.resolve(written), self.reader.resolve(read)
        match ours, theirs:
            case Union(branches=branches), _:
                for branch in branches:
                    self.compare(branch, read, trail)
            case _, Union():
                self._into_union(written, ours, theirs, trail)
            case _:
                self._single(ours, theirs, trail)

    def _single(self, written: Resolved, read: Resolved, trail: Trail) -> None:
        match written, read:
            case Primitive(), Primitive():
                self._primitive(written, read, trail)
            case Collection(kind=kind), Collection(kind=other) if kind == other:
                self.compare(written.items, read.items, trail.into("[]" if kind == "array" else "{}"))
            case Record(), Record() if self._named_alike(written, read, trail):
                self._fields(written, read, trail)
            case Enumeration(), Enumeration() if self._named_alike(written, read, trail):
                self._symbols(written, read, trail)
            case Fixed(), Fixed() if self._named_alike(written, read, trail):
                self._fixed(written, read, trail)
            case (Record(), Record()) | (Enumeration(), Enumeration()) | (Fixed(), Fixed()):
                return  # their names differ, which is noted
            case _:
                self._note(BreakKind.TYPE, trail, describe(written), describe(read))

    def _into_union(self, written: AvroType, ours: Resolved, read: Union, trail: Trail) -> None:
        """Readers pick the first branch that matches, or the one of the same type: whichever they pick must do."""
        branches = [(branch, self.reader.resolve(branch)) for branch in read.branches]
        matching = [(branch, theirs) for branch, theirs in branches if may_match(ours, theirs)]
        if not matching:
            self._note(BreakKind.UNION, trail, describe(ours), describe(read))
        elif is_disputed(ours, matching[0][1]):
            self._note(BreakKind.NAME, trail, describe(ours), describe(read))
        else:
            same = [branch for branch, theirs in matching if _is_same_type(ours, theirs)]
            for branch in dict.fromkeys([matching[0][0], *same]):
                self.compare(written, branch, trail)

    def _primitive(self, written: Primitive, read: Primitive, trail: Trail) -> None:
        if written.kind != read.kind and read.kind not in PROMOTIONS.get(written.kind, ()):
            self._note(BreakKind.TYPE, trail, describe(written), describe(read))
        else:
            self._logical(written, read, trail)

    def _logical(self, written: Primitive | Fixed, read: Primitive | Fixed, trail: Trail) -> None:
        if written.logical != read.logical:
            is_decimal = all(logical and logical.name == "decimal" for logical in (written.logical, read.logical))
            kind = BreakKind.DECIMAL if is_decimal else BreakKind.LOGICAL_TYPE
            self._note(kind, trail, describe(written), describe(read))

    def _fixed(self, written: Fixed, read: Fixed, trail: Trail) -> None:
        if written.size != read.size:
            self._note(BreakKind.SIZE, trail, describe(written), describe(read))
        else:
            self._logical(written, read, trail)

    def _symbols(self, written: Enumeration, read: Enumeration, trail: Trail) -> None:
        unknown = [symbol for symbol in written.symbols if symbol not in read.symbols]
        if unknown and read.default is None:
            readable = f"enum {read.name} without {', '.join(unknown)}, and no default"
            self._note(BreakKind.SYMBOLS, trail, f"enum {written.name} with {', '.join(unknown)}", readable)

    def _fields(self, written: Record, read: Record, trail: Trail) -> None:
        theirs = {field.name: field for field in written.fields}
        taken: dict[str, str] = {}  # by the writer's field the reader's that it goes to
        for field in read.fields:
            names = [name for name in dict.fromkeys((field.name, *field.aliases)) if name in theirs]
            below = trail.into(field.name)
            if len(names) > 1 or any(name in taken for name in names):
                others = ", ".join(names)
                self._note(BreakKind.ALIAS, below, f"fields {others}", f"{field.name}, or {field.aliases}")
            elif names:
                self.compare(theirs[names[0]].type, field.type, below)
            else:
                self._absent(field, below)
            taken |= dict.fromkeys(names, field.name)

    def _absent(self, field: Field, trail: Trail) -> None:
        """The writer does not have the field: its default is read instead."""
        if field.default is MISSING:
            self._note(BreakKind.NO_DEFAULT, trail, "no such field", f"{describe(field.type)} without a default")
        elif not fits(self.reader, field.type, field.default):
            self._note(BreakKind.BAD_DEFAULT, trail, "no such field", f"default {field.default!r}")

    def _named_alike(self, written: NamedType, read: NamedType, trail: Trail) -> bool:
        if is_named_alike(written, read):
            return True
        self._note(BreakKind.NAME, trail, describe(written), describe(read))
        return False

    def _note(self, kind: BreakKind, trail: Trail, written: str, read: str) -> None:
        self.found.append(Finding(kind=kind, path=trail.path, written=written, read=read))


def is_named_alike(written: NamedType, read: NamedType) -> bool:
    """Whether the reader knows the writer's type: by its unqualified name, or as an alias."""
    return _short(written.name) == _short(read.name) or written.name in read.aliases


def is_disputed(written: Resolved, read: Resolved) -> bool:
    """Whether types are alike by their short names only: in a union Java asks for the full one, and fastavro fails."""
    if not isinstance(written, NamedType) or not isinstance(read, NamedType):
        return False
    return written.name != read.name and written.name not in read.aliases


def may_match(written: Resolved, read: Resolved) -> bool:
    """Whether some reader may pick this branch of its union for what was written, rightly or wrongly."""
    match written, read:
        case Primitive(kind=kind), Primitive(kind=other):
            return kind == other or other in PROMOTIONS.get(kind, ()) or other in UNSAFE_PROMOTIONS.get(kind, ())
        case Collection(kind=kind), Collection(kind=other):
            return kind == other
        case ((Record() | Enumeration() | Fixed()), (Record() | Enumeration() | Fixed())):
            return is_named_alike(written, read)  # fastavro goes by the name alone, whatever it names
    return False


def _is_same_type(written: Resolved, read: Resolved) -> bool:
    """Whether a reader that looks for the same type first picks this branch."""
    match written, read:
        case Primitive(kind=kind), Primitive(kind=other):
            return kind == other
    return type(written) is type(read)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
