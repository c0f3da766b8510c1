"""A change of a subject as it is decided on: what it does, and the digest that approvals are bound to. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256


class ChangeClass(StrEnum):
    """What a change does; one that does several things is in several classes, and each of them is decided on."""

    DOCUMENTATION = "documentation"  # other words about the same fields
    COMPATIBLE = "compatible"  # readers, writers, silver and models go on
    LAKE_BREAKING = "lake-breaking"  # silver's table or a model cannot follow
    BREAKING = "breaking"  # readers or writers of other versions are hurt
    PERSONAL_DATA = "personal-data"  # a field comes, goes or changes that is personal data


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The exact change: of which subject, from which text to which, and what that does.

    `base` and `text` are digests of schemas; the first version of a subject has no base. What it does is part of it: a
    change that turns out to do more than was approved is another change.
    """

    subject: str
    base: str
    text: str
    classes: frozenset[ChangeClass]

    @property
    def digest(self) -> str:
        """The sha256, in hex, that an approval names."""
        facts = (self.subject, self.base, self.text, *sorted(self.classes))
        return sha256("\n".join(facts).encode()).hexdigest()
