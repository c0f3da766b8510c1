"""Tables as readers see them after somebody was erased: what was encrypted for them is NULL, and `_erased` is true."""

from collections.abc import Collection

import pyarrow as pa

from analytics_platform.lake.model import quoted, text
from analytics_platform.security.privacy.ciphers import PREFIX, SUBJECT

ERASED = "_erased"
TEXTS = {"string", "large_string", "string_view"}


def may_be_encrypted(columns: pa.Schema, tagged: Collection[str]) -> frozenset[str]:
    """Of a table's columns with personal data those that can hold a ciphertext; none if a column has our name."""
    if ERASED in columns.names:
        return frozenset()
    return frozenset(field.name for field in columns if field.name in tagged and str(field.type) in TEXTS)


def shown_sql(name: str, erased: str) -> str:
    """A column's value, NULL where it is a ciphertext of somebody in the relation `erased` (of one column, `id`)."""
    return f"case when {_is_gone(name, erased)} then null else {quoted(name)} end as {quoted(name)}"


def erased_sql(names: Collection[str], erased: str) -> str:
    """Whether something of the row is not shown for that; NULL for who may see none of those columns."""
    gone = " or ".join(f"coalesce({_is_gone(name, erased)}, false)" for name in names)
    return f"({gone or 'null::boolean'}) as {quoted(ERASED)}"


def _is_gone(name: str, erased: str) -> str:
    column = quoted(name)
    subject = f"substr({column}, {SUBJECT.start + 1}, {SUBJECT.stop - SUBJECT.start})"
    return f"(starts_with({column}, {text(PREFIX)}) and {subject} in (select id from {quoted(erased)}))"
