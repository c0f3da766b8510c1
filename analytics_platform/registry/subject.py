"""A subject with all that is said of it in git: its versions, its owner and level, decisions about fields. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import SchemaText
from analytics_platform.registry.lock import VersionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is said of a field outside its schema, because a published version never changes."""

    pii: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionText:
    """One version: its file relative to the folder of schemas, and its text with what that refers to."""

    number: int
    state: VersionState
    path: str
    schema: SchemaText


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectVersions:
    """A subject: whose it is, what new versions may do, its versions oldest first, and what is decided of fields.

    `about` is the field whose value says which person a record is about; "" if none is named.
    """

    stream: str
    owner: str
    level: Compatibility
    versions: tuple[VersionText, ...]
    decided: Mapping[str, Decision]
    about: str = ""

    @property
    def published(self) -> tuple[VersionText, ...]:
        """Versions that data may have been written in."""
        return tuple(version for version in self.versions if version.state is not VersionState.DRAFT)

    @property
    def drafts(self) -> tuple[VersionText, ...]:
        """Versions that nothing was written in yet."""
        return tuple(version for version in self.versions if version.state is VersionState.DRAFT)
