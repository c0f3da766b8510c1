"""What tables hold of a person, and what in the clear that should be protected, as SQL over the published cut. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from analytics_platform.lake.model import quoted, text
from analytics_platform.product.privacy import Treatment
from analytics_platform.security.privacy.ciphers import PREFIX
from analytics_platform.security.privacy.tokens import PREFIX as TOKEN_PREFIX

COUNTED = "count(*) as rows, min(batch) as first, max(batch) as last"
TOKEN = "tok_[A-Za-z0-9_-]{20}(@tok[.]invalid)?"
FORMS: Mapping[Treatment, str] = {
    Treatment.TOKENISE: f"^({TOKEN})?$",
    Treatment.ENCRYPT: f"^(enc_.{{20,}}|{TOKEN})?$",
    Treatment.MASK: r"^[^\pL\pN]*(.{4})?$",
    Treatment.DROP: "^$",
}
ADDRESS = "[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+[.][A-Za-z]"
OURS = "@tok[.]invalid"
LAYERS = ("bronze", "exceptions")  # where records are as they were landed


def in_the_clear_sql(stream: str, treated: Mapping[str, Treatment]) -> Iterator[tuple[str, str, str]]:
    """By table, what is looked for, and the query that counts it: `rows`, and the `first` and `last` of their batches.

    Of whole numbers only that nothing stays can be seen: a token of one looks like any other.
    """
    for name, treatment in treated.items():
        is_right = f"regexp_matches({quoted(name)}::varchar, {text(FORMS[treatment])})"
        numbers = "" if treatment is Treatment.DROP else f" and typeof({quoted(name)}) = 'VARCHAR'"
        where = f"{quoted(name)} is not null and not {is_right}{numbers}"
        yield stream, f"{name} is not as {treatment} leaves it", f"select {COUNTED} from {quoted(stream)} where {where}"
    for layer in LAYERS:
        looked = [f"regexp_replace({column}::varchar, {text(OURS)}, '', 'g')" for column in ("value", "key")]
        where = " or ".join(f"regexp_matches({each}, {text(ADDRESS)})" for each in looked)
        query = f"select {COUNTED} from {quoted(stream)}.{layer} where {where}"
        yield f"{stream}.{layer}", "bytes look like an e-mail address", query


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A person, as tables may name them: `values` stand for them in a column of their tag, `subject` in ciphertexts."""

    subject: str
    values: Sequence[str]


def held_sql(table: str, named: Collection[str], encrypted: Collection[str], sought: Sought) -> str:
    """The rows of a table about a person: in a column of their tag, or with something that is encrypted for them."""
    known = ", ".join(text(value) for value in sought.values)
    found = [f"{quoted(name)}::varchar in ({known})" for name in sorted(named)]
    found += [f"starts_with({quoted(name)}::varchar, {text(PREFIX + sought.subject)})" for name in sorted(encrypted)]
    return f"select * from {quoted(table)} where {' or '.join(found)} order by all"


def records_sql(stream: str, layer: str, sought: Sought) -> str:
    """How many records as they were landed hold bytes that stand for the person, and in which batches.

    A value that is kept as it is, is not looked for: its bytes may stand for anything.
    """
    marks = [PREFIX + sought.subject, *(value for value in sought.values if value.startswith(TOKEN_PREFIX))]
    found = [f"contains({column}::varchar, {text(mark)})" for column in ("value", "key") for mark in marks]
    return f"select {COUNTED} from {quoted(stream)}.{layer} where {' or '.join(found)}"
