"""What is encrypted, in the clear again. Asks the keys for nothing but those that it needs."""

from collections.abc import Sequence

import pyarrow as pa

from analytics_platform.security.privacy.ciphers import Keys, decrypt, subject_in
from analytics_platform.security.privacy.keys import KeyProvider


def people_in(rows: pa.Table) -> list[str]:
    """Whose ciphertexts are among the values, by the names under which their keys are kept."""
    found = {subject_in(text) for name in _texts(rows) for text in rows[name].to_pylist() if text}
    return sorted(subject for subject in found if subject)


def revealed(rows: pa.Table, fields: Sequence[str], keys: KeyProvider) -> pa.Table:
    """The rows with every ciphertext opened, in whatever column it stands; NULL where its person was erased.

    Args:
        rows: an answer to a query.
        fields: `stream.field` of all that may be encrypted: a ciphertext opens in its own field alone.
        keys: who has none there keeps the ciphertext.
    """
    known = keys.of_subjects(people_in(rows), create=False)
    for name in _texts(rows):
        opened = {text: _opened(text, known, fields) for text in set(rows[name].to_pylist()) if text}
        values = pa.array([text and opened[text] for text in rows[name].to_pylist()], pa.string())
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def _texts(rows: pa.Table) -> list[str]:
    return [field.name for field in rows.schema if pa.types.is_string(field.type)]


def _opened(text: str, known: Keys, fields: Sequence[str]) -> str | None:
    subject = subject_in(text)
    if subject is None or subject not in known:
        return text
    key = known[subject]
    if key is None:
        return None
    return next((found for field in fields if (found := decrypt(text, key, field)) is not None), text)
