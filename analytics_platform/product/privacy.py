"""What is promised about personal data: how each kind of it is kept, and whose it is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

NOT_PERSONAL = "none"  # the tag of a field that holds no personal data


class Treatment(StrEnum):
    """What becomes of a personal value before it is written to any table."""

    KEEP = "keep"  # it stays as it is
    TOKENISE = "tokenise"  # a token in its place, the same for equal values of one tag: it can be joined, not read
    MASK = "mask"  # its last characters stay
    DROP = "drop"  # nothing stays
    ENCRYPT = "encrypt"  # under the key of the person it is about: readable by who may, until that person is erased


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """How a stream's personal data is kept.

    `treatments` go by tag; `tags` and `subject` are what `subject.yaml` says beyond the schemas: by path the tag of a
    field, and the field whose value says which person a record is about. `sealed_for` is how long a record can be
    read that could not be understood when it came.
    """

    treatments: Mapping[str, Treatment] = field(hash=False)
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    subject: str | None = None
    sealed_for: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """What becomes of one outermost field of a schema; `is_text` if nothing but a plain text can stand there."""

    name: str
    tag: str
    treatment: Treatment
    is_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRules:
    """What becomes of the fields of one version; those that stay as they are are not among them.

    `subject` is the field that says whom a record is about, `subject_tag` the kind of its values.
    """

    fields: tuple[FieldRule, ...]
    subject: str | None = None
    subject_tag: str = ""

    @property
    def names(self) -> list[str]:
        """The fields that change."""
        return [rule.name for rule in self.fields]

    @property
    def dropped(self) -> frozenset[str]:
        """The fields of which nothing stays."""
        return frozenset(rule.name for rule in self.fields if rule.treatment is Treatment.DROP)
