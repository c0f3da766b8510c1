"""What one reader may see of the published tables: their roles against `schemas/reading.yaml` and the schemas' tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analytics_platform.errors import DeclarationError
from analytics_platform.governance.reading import HARMLESS, Reading, View, view_of
from analytics_platform.governance.reading_file import READING_FILE, parse_reading
from analytics_platform.lake.lineage import column_lineage
from analytics_platform.product import Catalog, FromField, FromKey, Stream
from analytics_platform.registry.fields import fields_of
from analytics_platform.registry.folder import text_if_there
from analytics_platform.registry.lint import pii_of
from analytics_platform.registry.privacy_file import policy_in
from analytics_platform.registry.subject import Decision
from analytics_platform.registry.versions import read_versions
from analytics_platform.security.roles import EVERYBODY, Role

Columns = Mapping[str, Sequence[str]]  # by table as it is read
Tags = Mapping[str, frozenset[str]]  # by column, the tags of personal data of what its values come from
UNDECIDED = "undecided"  # of fields of which nobody says that they are harmless
UNKNOWN = frozenset({UNDECIDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What somebody may see. `tags` are by table as it is read: `bids` for silver, a model by its name."""

    roles: frozenset[Role]
    reading: Reading = field(default_factory=Reading)
    tags: Mapping[str, Tags] = field(default_factory=dict)
    is_protected: bool = False  # there is a policy, so that values may be ciphertexts

    def view(self, table: str, columns: Sequence[str]) -> View | None:
        """A table of the cut (`bids/silver`, a model) as they see it; None if they may not."""
        name = table.removesuffix("/silver")
        return view_of(self.reading, self.roles, name, columns, self.tags.get(name, {}))

    def personal(self, table: str) -> frozenset[str]:
        """The columns of a table of the cut whose values come from personal data that a policy is for."""
        return personal_columns(self.tags.get(table.removesuffix("/silver"), {})) if self.is_protected else frozenset()


# a part of the platform: it makes the tables, and shows them to nobody
OF_A_PART = Rights(roles=EVERYBODY)


def rights_of(roles: frozenset[Role], schema_dir: Path, declared: Catalog, columns: Columns) -> Rights:
    """The rights of whoever has those roles. `columns` are those of each table, as it is read."""
    reading = parse_reading(text_if_there(schema_dir, READING_FILE))
    is_protected = policy_in(schema_dir) is not None
    return Rights(roles=roles, reading=reading, tags=tags_of(schema_dir, declared, columns), is_protected=is_protected)


def personal_columns(tags: Tags) -> frozenset[str]:
    """Those with a tag that is not harmless."""
    return frozenset(column for column, found in tags.items() if found - HARMLESS)


def tags_of(schema_dir: Path, declared: Catalog, columns: Columns) -> dict[str, Tags]:
    """By table, the tags of its columns: a stream's from its schemas, a model's from what its values come from."""
    found: dict[str, Tags] = {}
    for name, stream in declared.streams.items():
        if name in columns:
            found[name] = _of_stream(schema_dir, stream, columns[name])
    for pipeline in declared.pipelines.values():
        for model in pipeline.models:  # after what they read
            inputs = {name: columns[name] for name in model.inputs if name in columns}
            if model.name in columns and len(inputs) == len(model.inputs):
                lineage = column_lineage(model, inputs)
                found[model.name] = {
                    column: frozenset(tag for name, source in origins for tag in found[name].get(source, ()))
                    for column, origins in lineage.items()
                }
    return found


def _of_stream(schema_dir: Path, stream: Stream, columns: Sequence[str]) -> Tags:
    """A field's tags in every version: what was called an email once is one in the rows of then."""
    try:
        versions = read_versions(schema_dir, stream.name)
    except DeclarationError:
        return dict.fromkeys(columns, UNKNOWN)
    tags: dict[str, set[str]] = {}
    for version in versions.published:
        for each in fields_of(version.schema):
            tag = pii_of(each, versions.decided.get(each.path, Decision()))
            if tag or not each.holds_fields:
                tags.setdefault(each.path.partition(".")[0].rstrip("[]{}"), set()).add(tag or UNDECIDED)
    found = {name: frozenset(said) for name, said in tags.items()}
    return {**found, **_of_identity(stream, found)}


def _of_identity(stream: Stream, tags: Tags) -> Tags:
    """What the columns that every silver has are made of, where that is a field or the key."""
    declared = {"event_id": stream.identity, "event_at": stream.event_time}
    parts = {column: part.name for column, part in declared.items() if isinstance(part, FromField)}
    made = {column: tags.get(name.partition(".")[0], frozenset()) for column, name in parts.items()}
    return {**made, **{column: UNKNOWN for column, part in declared.items() if isinstance(part, FromKey)}}
