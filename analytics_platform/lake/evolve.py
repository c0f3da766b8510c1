"""How a table's columns may change: what is new is added and null in old files, nothing else changes. Pure."""

from collections.abc import Mapping

from deltalake.schema import Field, Schema, StructType

from analytics_platform.errors import DeclarationError

REMEDY = (
    "declare it as it was (a column stays for ever, nullable), or give the stream a new name: "
    "its rows were written so, and readers rely on it"
)


def columns_to_add(there: Schema, wanted: Schema) -> list[Field]:
    """The columns, and structs with fields, that the table does not have yet; all of them nullable."""
    known = _types(there)
    return [
        Field(field.name, field.type, nullable=True, metadata=field.metadata)
        for field in wanted.fields
        if known.get(field.name) != field.type
    ]


def misfits(there: Schema, wanted: Schema) -> list[str]:
    """What is wrong with columns that were changed or left out; empty if the table can be evolved."""
    declared = _types(wanted)
    found = []
    for name, kind in _types(there).items():
        if name not in declared:
            found.append(f"column {name} is in the table and no longer declared")
        elif not _fits(kind, declared[name]):
            found.append(f"column {name} is {_text(kind)} in the table and declared as {_text(declared[name])}")
    return found


def require_fit(table: str, there: Schema, wanted: Schema) -> None:
    """Raise DeclarationError for a column whose type changed or that vanished."""
    if found := misfits(there, wanted):
        raise DeclarationError(f"table {table}", "; ".join(found), REMEDY)


def _types(schema: Schema | StructType) -> Mapping[str, object]:
    return {field.name: field.type for field in schema.fields}


def _fits(old: object, new: object) -> bool:
    """Whether files of the old type can be read as the new: equal, or a struct that has more fields now."""
    if isinstance(old, StructType) and isinstance(new, StructType):
        fields = _types(new)
        return all(name in fields and _fits(kind, fields[name]) for name, kind in _types(old).items())
    return old == new


def _text(kind: object) -> str:
    return getattr(kind, "type", None) or str(kind)
