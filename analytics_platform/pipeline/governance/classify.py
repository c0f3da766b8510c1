"""What a schema would change as a subject's next version, and in which classes that is. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from analytics_platform.governance.change import Change, ChangeClass
from analytics_platform.pipeline.admission import Damage
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import SchemaText, normalize
from analytics_platform.registry.decide import breaks_with, in_words
from analytics_platform.registry.diff import Change as Difference
from analytics_platform.registry.diff import changes
from analytics_platform.registry.fields import fields_of
from analytics_platform.registry.snapshot import Snapshot, Version
from analytics_platform.registry.texts import Proposed, schema_text

WORDS = ("doc", "description", "title", "$comment")
VALUES = ("default", "const", "enum", "examples", "symbols")  # data, in which those words are no documentation
NOT_PERSONAL = ("", "none")


def change_of(snapshot: Snapshot, subject: str, proposed: Proposed, damage: Damage, at_least: Compatibility) -> Change:
    """The change that the schema is; `at_least` is the level below which no subject's own level counts."""
    base = base_of(snapshot, subject)
    found = set()
    if damage.lake:
        found.add(ChangeClass.LAKE_BREAKING)
    if damage.readers or broken_at(snapshot, subject, proposed, at_least):
        found.add(ChangeClass.BREAKING)
    if _is_personal(snapshot, base, proposed):
        found.add(ChangeClass.PERSONAL_DATA)
    if base is not None and _says_the_same(schema_text(base.text, snapshot.text_of), proposed.schema):
        found.add(ChangeClass.DOCUMENTATION)
    return Change(
        subject=subject,
        base=base.text.sha256 if base else "",
        text=proposed.sha256,
        classes=frozenset(found or {ChangeClass.COMPATIBLE}),
    )


def base_of(snapshot: Snapshot, subject: str) -> Version | None:
    """The version that a new one follows: the latest that there ever was, deleted or not."""
    return max(_ever(snapshot, subject), key=lambda version: version.version, default=None)


def broken_at(snapshot: Snapshot, subject: str, proposed: Proposed, level: Compatibility) -> list[str]:
    """Whom the schema would break at a level, in words; what was deleted counts, for data was written in it."""
    earlier = sorted(_ever(snapshot, subject), key=lambda version: version.version)
    return in_words(breaks_with(snapshot, proposed, earlier, level), earlier)


def differences(snapshot: Snapshot, subject: str, proposed: Proposed) -> list[Difference]:
    """What is different from the version before, field by field; everything where there is none."""
    base = base_of(snapshot, subject)
    if base is None:
        return changes(_nothing(proposed.schema), proposed.schema)
    old = schema_text(base.text, snapshot.text_of)
    return changes(old if old.format is proposed.format else _nothing(proposed.schema), proposed.schema)


def _nothing(like: SchemaText) -> SchemaText:
    """A schema of that format without fields."""
    text = '{"type": "record", "name": "Nothing", "fields": []}' if like.format == "AVRO" else '{"type": "object"}'
    return SchemaText(format=like.format, text=text)


def _ever(snapshot: Snapshot, subject: str) -> tuple[Version, ...]:
    return (*snapshot.versions(subject, deleted=True), *snapshot.removed.get(subject, ()))


def _is_personal(snapshot: Snapshot, base: Version | None, proposed: Proposed) -> bool:
    """Whether a field that is personal data comes or goes, or what is said of one changes."""
    before = _tags(schema_text(base.text, snapshot.text_of)) if base else {}
    after = _tags(proposed.schema)
    return any(
        before.get(path, "") != after.get(path, "")
        and not {before.get(path, ""), after.get(path, "")} <= set(NOT_PERSONAL)
        for path in before.keys() | after.keys()
    )


def _tags(schema: SchemaText) -> dict[str, str]:
    return {field.path: field.pii for field in fields_of(schema)}


def _says_the_same(old: SchemaText, new: SchemaText) -> bool:
    """Whether two schemas differ in what documents them, at most."""
    is_alike = old.format is new.format and old.references == new.references
    return is_alike and _undocumented(json.loads(normalize(old))) == _undocumented(json.loads(normalize(new)))


def _undocumented(node: Any) -> Any:
    """A schema without its documentation. A field that is called `title` stays: what describes it is no text."""
    if isinstance(node, Mapping):
        return {
            key: value if key in VALUES else _undocumented(value)
            for key, value in node.items()
            if not (key in WORDS and isinstance(value, str))
        }
    return [_undocumented(each) for each in node] if isinstance(node, list) else node
