"""A person on the command line, `TAG:VALUE`, and the names that stand for them where the value does not."""

import re
from dataclasses import dataclass

import click
import pyarrow as pa

from analytics_platform.errors import DeclarationError
from analytics_platform.lake.personal import Sought
from analytics_platform.security.privacy.keys import KeyProvider
from analytics_platform.security.privacy.tokens import subject_ids, text_tokens, whole_tokens

FORM = re.compile(r"(?P<tag>[a-z][a-z0-9_-]*):(?P<value>.+)")
MOST_DIGITS = 18  # of a whole number that every column of longs holds
person = click.argument("person", metavar="TAG:VALUE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a command is about; `subject` is the name under which their key is kept. Say that, never `value`."""

    tag: str
    value: str
    subject: str

    def __str__(self) -> str:
        return f"{self.tag} {self.subject}"


def person_of(said: str, keys: KeyProvider) -> Person:
    """Who is meant by `person:1007`; raises DeclarationError, whose text does not repeat it."""
    match = FORM.fullmatch(said)
    if match is None:
        remedy = "say the tag of the subject's field and its value: person:1007"
        raise DeclarationError("TAG:VALUE", "names nobody", remedy)
    (subject,) = subject_ids(keys.environment(), match["tag"], pa.array([match["value"]])).to_pylist()
    return Person(tag=match["tag"], value=match["value"], subject=subject)


def sought(person: Person, keys: KeyProvider) -> Sought:
    """Them as tables may name them: as they are, or as a token."""
    environment = keys.environment()
    values = [person.value, *text_tokens(environment, person.tag, pa.array([person.value])).to_pylist()]
    if person.value.isdecimal() and person.value.isascii() and len(person.value) <= MOST_DIGITS:
        number = pa.array([int(person.value)], pa.int64())
        values += map(str, whole_tokens(environment, person.tag, number).to_pylist())
    return Sought(subject=person.subject, values=values)
