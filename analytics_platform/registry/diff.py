"""What is different between two versions of a schema, field by field, as people speak of it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from analytics_platform.registry.compatibility import SchemaText
from analytics_platform.registry.fields import SchemaField, fields_of

NOTHING = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference: `what` is added, removed, or the property of the field that changed."""

    path: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.what == "added":
            return f"+ {self.path}: {self.after}"
        if self.what == "removed":
            return f"- {self.path}: {self.before}"
        return f"~ {self.path}: {self.what} {self.before or 'none'} → {self.after or 'none'}"


def changes(old: SchemaText, new: SchemaText) -> list[Change]:
    """The differences between the fields of two versions: what went, what came, what changed."""
    before, after = ({field.path: field for field in fields_of(schema)} for schema in (old, new))
    gone = [_gone(field) for path, field in before.items() if path not in after]
    come = [_come(field) for path, field in after.items() if path not in before]
    kept = [path for path in before if path in after]
    return [*gone, *come, *(change for path in kept for change in _between(before[path], after[path]))]


def _gone(field: SchemaField) -> Change:
    return Change(path=field.path, what="removed", before=described(field), after=NOTHING)


def _come(field: SchemaField) -> Change:
    return Change(path=field.path, what="added", before=NOTHING, after=described(field))


def _between(before: SchemaField, after: SchemaField) -> Iterator[Change]:
    sides = {
        "type": (before.type, after.type),
        "presence": (_presence(before), _presence(after)),
        "default": (default_of(before), default_of(after)),
        "pii": (before.pii, after.pii),
        "unit": (before.unit, after.unit),
        "doc": (before.doc, after.doc),
    }
    for what, (old, new) in sides.items():
        if old != new:
            yield Change(path=before.path, what=what, before=old, after=new)


def described(field: SchemaField) -> str:
    """A field's type, with whether it may be left out and what it is then."""
    default = default_of(field)
    return f"{field.type}, {_presence(field)}" + (f", default {default}" if default else "")


def default_of(field: SchemaField) -> str:
    """The default as it is written; "" if there is none."""
    return repr(field.default) if field.has_default else NOTHING


def _presence(field: SchemaField) -> str:
    return "optional" if field.is_optional else "required"
