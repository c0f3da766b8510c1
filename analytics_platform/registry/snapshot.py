"""All that the registry holds at one moment, and what can be asked of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from analytics_platform.facts import SchemaFormat
from analytics_platform.product import Compatibility
from analytics_platform.registry.lock import VersionState

EVERYWHERE = ""  # the subject whose settings hold where a subject has none of its own


class Mode(StrEnum):
    """What may be done to a subject's versions."""

    READWRITE = "READWRITE"
    READONLY = "READONLY"
    READONLY_OVERRIDE = "READONLY_OVERRIDE"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A named schema that a text uses: `name` is what the text calls it, subject and version where it is kept."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A schema with its id, whoever uses it."""

    id: int
    guid: UUID
    sha256: str
    format: SchemaFormat
    body: str
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A numbered version of a subject."""

    subject: str
    version: int
    text: Text
    state: VersionState

    @property
    def is_active(self) -> bool:
        """Whether it is listed without asking for what was deleted."""
        return self.state in (VersionState.PUBLISHED, VersionState.DEPRECATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a subject says of itself; None where it leaves it to everybody's."""

    compatibility: Compatibility | None = None
    mode: Mode | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The registry after change number `change`; each subject's versions ascend, the `removed` ones apart.

    `texts` has every id that was ever seen: bytes on a topic outlive what was removed.
    """

    change: int = 0
    texts: Mapping[int, Text] = field(default_factory=dict)
    subjects: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    removed: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @cached_property
    def by_guid(self) -> Mapping[UUID, Text]:
        """Each text by its GUID."""
        return {text.guid: text for text in self.texts.values()}

    @cached_property
    def uses(self) -> Mapping[int, tuple[Version, ...]]:
        """The versions that are a text, by its id; deleted ones too."""
        found: dict[int, list[Version]] = {}
        for version in self.every_version():
            found.setdefault(version.text.id, []).append(version)
        return {id_: tuple(versions) for id_, versions in found.items()}

    def every_version(self) -> Iterable[Version]:
        """Every version of every subject, by subject."""
        return (version for subject in sorted(self.subjects) for version in self.subjects[subject])

    def versions(self, subject: str, *, deleted: bool = False) -> tuple[Version, ...]:
        """A subject's versions, oldest first; with the deleted ones if asked for."""
        return tuple(v for v in self.subjects.get(subject, ()) if v.is_active or deleted)

    def version(self, subject: str, number: int | None, *, deleted: bool = False) -> Version | None:
        """That version of a subject, or the latest."""
        versions = self.versions(subject, deleted=deleted)
        if number is None:
            return versions[-1] if versions else None
        return next((v for v in versions if v.version == number), None)

    def holding(self, subject: str, sha256: str, *, deleted: bool = False) -> Version | None:
        """The latest version of a subject that is the text of that digest."""
        same = [v for v in self.versions(subject, deleted=deleted) if v.text.sha256 == sha256]
        return same[-1] if same else None

    def text_of(self, reference: Reference) -> Text | None:
        """What a reference leads to, deleted or not."""
        found = self.version(reference.subject, reference.version, deleted=True)
        return found.text if found else None

    def referring_to(self, version: Version, *, deleted: bool = False) -> list[Version]:
        """The versions whose text refers to that one."""
        return [
            other
            for other in self.every_version()
            if (other.is_active or deleted)
            and any((r.subject, r.version) == (version.subject, version.version) for r in other.text.references)
        ]

    def compatibility(self, subject: str) -> Compatibility:
        """The level that holds for a subject."""
        return self._setting(subject).compatibility or self._setting(EVERYWHERE).compatibility or Compatibility.BACKWARD

    def mode(self, subject: str) -> Mode:
        """The mode that holds for a subject: everybody's goes first where it overrides."""
        everywhere = self._setting(EVERYWHERE).mode or Mode.READWRITE
        if everywhere is Mode.READONLY_OVERRIDE:
            return everywhere
        return self._setting(subject).mode or everywhere

    def _setting(self, subject: str) -> Setting:
        return self.settings.get(subject, Setting())
