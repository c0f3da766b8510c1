"""Only the key of a person opens what is about them, in its own field; only the key of a day what was sealed on it."""

import os

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.security.privacy.ciphers import decrypt, encrypt, seal, sealed_on, subject_in, unseal

ANA, BEN = "a" * 20, "b" * 20
KEYS = {ANA: os.urandom(32), BEN: os.urandom(32)}
VALUES = st.lists(st.tuples(st.none() | st.text(max_size=40), st.sampled_from([ANA, BEN, None])), max_size=12)


def encrypted(pairs, keys=None, field="persons.name"):
    values, subjects = pa.array([v for v, _ in pairs], pa.string()), pa.array([s for _, s in pairs], pa.string())
    return encrypt(values, subjects, KEYS if keys is None else keys, field).to_pylist()


@given(VALUES)
def test_what_is_encrypted_opens_again_and_is_the_same_each_time(pairs):
    found = encrypted(pairs)
    assert found == encrypted(pairs)
    for (value, subject), text in zip(pairs, found, strict=True):
        if value and subject:
            assert subject_in(text) == subject
            assert decrypt(text, KEYS[subject], "persons.name") == value
        else:
            assert text == ("" if value == "" else None)


def test_a_ciphertext_opens_in_no_other_field_and_under_no_other_key():
    (text,) = encrypted([("Ana Lopez", ANA)])
    assert decrypt(text, KEYS[ANA], "persons.city") is None
    assert decrypt(text, KEYS[BEN], "persons.name") is None
    assert decrypt(text[:-4] + "AAAA", KEYS[ANA], "persons.name") is None
    assert encrypted([("Ana Lopez", BEN)]) != [text]


def test_nothing_is_encrypted_for_who_was_erased():
    assert encrypted([("Ana", ANA), ("Ben", BEN)], {ANA: None, BEN: KEYS[BEN]})[0] is None


@given(st.lists(st.none() | st.binary(max_size=50), max_size=10))
def test_what_is_sealed_opens_while_its_day_has_a_key(values):
    key, other = KEYS[ANA], KEYS[BEN]
    sealed = seal(pa.array(values, pa.binary()), key, "20261126", "persons").to_pylist()
    for value, closed in zip(values, sealed, strict=True):
        if not value:
            assert closed == value
            continue
        assert sealed_on(closed) == "20261126"
        assert unseal(closed, key, "persons") == value
        assert unseal(closed, other, "persons") is None
        assert unseal(closed, key, "bids") is None


@given(st.binary(max_size=20))
def test_other_bytes_are_not_taken_for_sealed_ones(value):
    assert sealed_on(value) is None or value.startswith(b"\xa5ap\x01")
