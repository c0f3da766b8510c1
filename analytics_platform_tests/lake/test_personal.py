"""What should be protected and is not is found, and what is protected is not taken for it."""

import duckdb
import pyarrow as pa
import pytest

from analytics_platform.lake.personal import in_the_clear_sql
from analytics_platform.product.privacy import Treatment
from analytics_platform.security.privacy.masks import mask
from analytics_platform.security.privacy.tokens import text_tokens

KEEP, TOKENISE, MASK, DROP, ENCRYPT = Treatment
TOKENS = text_tokens(b"k" * 32, "email", pa.array(["ana@example.org", "ana", ""])).to_pylist()
ENCRYPTED = "enc_" + "a" * 20 + "c2VhbGVk"


def found(treatment, values, bodies=(b"{}",)):
    """What is counted, by what is looked for, of a column with those values and bodies of bronze."""
    connection = duckdb.connect()
    connection.execute("create schema s")
    rows = pa.table({"f": pa.array(values, pa.string()), "batch": list(range(1, len(values) + 1))})
    raw = pa.table({"value": list(bodies), "key": [None] * len(bodies), "batch": [7] * len(bodies)})
    raw = raw.cast(pa.schema([("value", pa.binary()), ("key", pa.binary()), ("batch", pa.int64())]))
    connection.register("rows_of", rows)
    connection.register("raw", raw)
    connection.execute("create view s as select * from rows_of")
    for layer in ("bronze", "exceptions"):
        connection.execute(f"create view s.{layer} as select * from raw")
    counted = {
        what: (connection.execute(query).fetchone() or (0,))
        for _, what, query in in_the_clear_sql("s", {"f": treatment})
    }
    return {what: row for what, row in counted.items() if row[0]}


@pytest.mark.parametrize(
    ("treatment", "values"),
    [
        (TOKENISE, [*TOKENS, None]),
        (ENCRYPT, [ENCRYPTED, TOKENS[0], "", None]),
        (MASK, [*mask(pa.array(["1234 5678 9012 3456", "short", "x"])).to_pylist(), None]),
        (DROP, [None, None]),
    ],
)
def test_what_is_protected_is_not_found(treatment, values):
    assert found(treatment, values, [b'{"mail": "tok_x@tok.invalid"}']) == {}


@pytest.mark.parametrize("treatment", [TOKENISE, ENCRYPT, MASK, DROP])
def test_a_value_in_the_clear_is_found_with_its_batches(treatment):
    clear = "Ana Lopez of Graz"
    assert found(treatment, [None, clear, clear]) == {f"f is not as {treatment} leaves it": (2, 2, 3)}


def test_addresses_in_bodies_are_found():
    bodies = [b'\x00\x00\x00\x00\x03{"mail": "ana@example.org"}', b"\xff\xfe", b"tok_x@tok.invalid"]
    assert found(DROP, [], bodies) == {"bytes look like an e-mail address": (1, 7, 7)}
