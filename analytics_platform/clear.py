"""Answers in the clear, for who may see them: whose data was read and what for is kept before a key is touched."""

import pyarrow as pa

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Catalog
from analytics_platform.reader import Reader
from analytics_platform.rights import personal_columns, tags_of
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.privacy.reveal import people_in, revealed
from analytics_platform.security.roles import Action
from analytics_platform.settings import Settings

NAMED_PEOPLE = 20  # in a fact


def in_the_clear(rows: pa.Table, declared: Catalog, reader: Reader, purpose: str) -> pa.Table:
    """The answer with its ciphertexts opened; raises NotEntitledError. Tokens and masks stay: nothing leads back.

    The query is not kept: what is asked for may itself be somebody's address.
    """
    if not purpose.strip():
        raise DeclarationError("--purpose", "says nothing", "write what the data is read for: a request, a ticket")
    people = people_in(rows)
    target = f"what is encrypted for {len(people):,} people"
    reader.admit(Action.READ_CLEAR, target, purpose=purpose, people=people[:NAMED_PEOPLE])
    return revealed(rows, encrypted_fields(reader.settings, declared), KeyFiles(reader.settings.key_dir))


def encrypted_fields(settings: Settings, declared: Catalog) -> list[str]:
    """`stream.field` of all that may be encrypted by this policy or an earlier one."""
    tags = tags_of(settings.schema_dir, declared, dict.fromkeys(declared.streams, ()))
    return [f"{stream}.{column}" for stream, of_it in tags.items() for column in sorted(personal_columns(of_it))]
