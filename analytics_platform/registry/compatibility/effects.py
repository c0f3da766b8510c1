"""What a new version does beyond its readers: to silver's table, to models, to personal data, to the key. Pure.

Everything comes in as values: columns as silver would have them, the models that read each, and the tags of each field.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from analytics_platform.registry.compatibility.findings import Break, BreakKind, Trail, Victim

ABSENT = "not there"
NO_TAG = "no decision"
COLUMN_REMEDY = (
    "silver's column stays as it was written: keep the field and its type, and add what is new beside it; "
    "or give the stream a new name"
)
MODEL_REMEDY = "change the model first, so that it no longer reads the column, and publish the new version after it"
TAG_REMEDY = "keep the tag: rows were protected by it; what needs other protection is a new field"
KEY_REMEDY = "keep the key: rows are joined and kept apart by it; another key is a new stream"


def lake_breaks(before: pa.Schema, after: pa.Schema) -> list[Break]:
    """What silver's table cannot follow: a column that goes or changes its type. New columns and fields are fine.

    Args:
        before: the columns of silver that come from the schema, as its table has them now.
        after: those of the new version.
    """
    found = _changed(list(before), list(after), Trail())
    return [_break(BreakKind.COLUMN, *change, Victim.LAKE, COLUMN_REMEDY) for change in found]


def model_breaks(before: pa.Schema, after: pa.Schema, readers: Mapping[str, Sequence[str]]) -> list[Break]:
    """Columns that go or change their type although models read them; `readers` names the models by column."""
    found = []
    for path, old, new in _changed(list(before), list(after), Trail()):
        for model in readers.get(_column(path), ()):
            found.append(_break(BreakKind.MODEL, path, f"{old}, read by {model}", new, Victim.MODEL, MODEL_REMEDY))
    return found


def tag_breaks(before: Mapping[str, str], after: Mapping[str, str]) -> list[Break]:
    """Fields whose decision about personal data changes or goes; fields that go themselves are others' concern.

    Args:
        before: by path of a field, what was decided; a field without a decision has the tag NO_TAG or none.
        after: the same of the new version, for every field that it has.
    """
    kept = [path for path in before if path in after]
    return [
        _break(BreakKind.TAG, path, before[path], after[path], Victim.PROTECTION, TAG_REMEDY)
        for path in kept
        if before[path] != after[path] and before[path] != NO_TAG
    ]


def key_breaks(before: str | None, after: str | None) -> list[Break]:
    """Whether the key is another one: both are normal forms of its schema, or the name of the field that it is."""
    if before == after:
        return []
    return [_break(BreakKind.KEY, "(key)", before or ABSENT, after or ABSENT, Victim.KEY, KEY_REMEDY)]


def _changed(before: Sequence[pa.Field], after: Sequence[pa.Field], trail: Trail) -> Iterator[tuple[str, str, str]]:
    """The path and both types of each column, and field of a struct, that goes or changes."""
    declared = {field.name: field.type for field in after}
    for field in before:
        inner = trail.into(field.name)
        if field.name not in declared:
            yield inner.path, str(field.type), ABSENT
        else:
            yield from _misfit(field.type, declared[field.name], inner)


def _misfit(old: pa.DataType, new: pa.DataType, trail: Trail) -> Iterator[tuple[str, str, str]]:
    if pa.types.is_struct(old) and pa.types.is_struct(new):
        yield from _changed(list(old), list(new), trail)
    elif old != new:
        yield trail.path, str(old), str(new)


def _column(path: str) -> str:
    return path.partition(".")[0]


def _break(kind: BreakKind, path: str, before: str, after: str, hurts: Victim, remedy: str) -> Break:
    return Break(kind=kind, path=path, before=before, after=after, hurts=hurts, remedy=remedy)
