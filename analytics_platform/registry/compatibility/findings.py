"""What is compared, and what is found: schemas as texts with their references, and breaks between them. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from analytics_platform.facts import SchemaFormat

ROOT_PATH = "(root)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaText:
    """A schema as it was handed in; `references` are the schemas that its text names and does not hold."""

    format: SchemaFormat
    text: str
    references: tuple["Reference", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A schema that another one uses: `name` is a type's full name in Avro, and what `$ref` says in JSON Schema."""

    name: str
    schema: SchemaText


class Victim(StrEnum):
    """Who is hurt by a break."""

    READERS_OF_OLD_DATA = "readers of old data"  # the new version cannot read what the old one wrote
    OLD_READERS = "old readers"  # the old version cannot read what the new one writes
    LAKE = "the lake"  # silver's table cannot follow
    MODEL = "a model"  # a column that it reads changes or goes
    PROTECTION = "protected persons"  # a field's personal data would be treated otherwise
    KEY = "whoever joins or deduplicates by the key"


class BreakKind(StrEnum):
    """What kind of change broke it."""

    FORMAT = "format"
    NAME = "name"
    TYPE = "type"
    LOGICAL_TYPE = "logical type"
    DECIMAL = "decimal"
    SIZE = "size"
    SYMBOLS = "symbols"
    UNION = "union"
    NO_DEFAULT = "no default"
    BAD_DEFAULT = "bad default"
    ALIAS = "alias"
    REQUIRED = "required"
    CONTENT = "content model"
    BOUND = "bound"
    UNDECIDED = "undecided"  # nobody can prove that it is safe, so it is not
    SECOND_OPINION = "second opinion"
    COLUMN = "column"
    KEY = "key"
    TAG = "tag"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Trail:
    """How a place is reached: field by field, `[]` into arrays, `{}` into maps."""

    path: str = ""

    def into(self, step: str) -> "Trail":
        """The trail one step further."""
        is_inside = step in ("[]", "{}") or not self.path
        return Trail(f"{self.path}{step}" if is_inside else f"{self.path}.{step}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Why data of one schema cannot all be read with another: the writer's side and the reader's."""

    kind: BreakKind
    path: str
    written: str
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One reason why a new version must not follow an old one.

    `path` leads to the place, `before` and `after` are the old and the new side there, whoever of them reads.
    `against` is the old schema's place in the sequence that was compared with.
    """

    kind: BreakKind
    path: str
    before: str
    after: str
    hurts: Victim
    remedy: str
    against: int = 0

    def __str__(self) -> str:
        return f"{self.path}: {self.before} → {self.after} hurts {self.hurts} ({self.kind}); {self.remedy}"
