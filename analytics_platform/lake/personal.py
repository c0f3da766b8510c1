"""What tables hold in the clear of what should be protected, as SQL over the published cut. Pure."""

from collections.abc import Iterator, Mapping

from analytics_platform.lake.model import quoted, text
from analytics_platform.product.privacy import Treatment

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


def in_the_clear_sql(stream: str, treated: Mapping[str, Treatment]) -> Iterator[tuple[str, str, str]]:
    """By table, what is looked for, and the query that counts it: `rows`, and the `first` and `last` of their batches.

    Of whole numbers only that nothing stays can be seen: a token of one looks like any other.
    """
    for name, treatment in treated.items():
        is_right = f"regexp_matches({quoted(name)}::varchar, {text(FORMS[treatment])})"
        numbers = "" if treatment is Treatment.DROP else f" and typeof({quoted(name)}) = 'VARCHAR'"
        where = f"{quoted(name)} is not null and not {is_right}{numbers}"
        yield stream, f"{name} is not as {treatment} leaves it", f"select {COUNTED} from {quoted(stream)} where {where}"
    for layer in ("bronze", "exceptions"):
        looked = [f"regexp_replace({column}::varchar, {text(OURS)}, '', 'g')" for column in ("value", "key")]
        where = " or ".join(f"regexp_matches({each}, {text(ADDRESS)})" for each in looked)
        query = f"select {COUNTED} from {quoted(stream)}.{layer} where {where}"
        yield f"{stream}.{layer}", "bytes look like an e-mail address", query
