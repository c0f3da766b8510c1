"""Tokens are equal where values are, say nothing else, and look as rules want them to."""

import re

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.security.privacy.masks import mask
from analytics_platform.security.privacy.tokens import subject_ids, text_tokens, whole_tokens

KEY, OTHER = b"k" * 32, b"o" * 32
VALUES = st.lists(st.none() | st.text(max_size=30), max_size=20)
LONGS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20)
TOKEN = re.compile(r"tok_[A-Za-z0-9_-]{20}(@tok\.invalid)?")


def tokens(values, tag="name", key=KEY):
    return text_tokens(key, tag, pa.array(values, pa.string())).to_pylist()


@given(VALUES)
def test_tokens_are_equal_where_values_are(values):
    found = tokens(values)
    assert [found.index(token) for token in found] == [values.index(value) for value in values]
    assert all(TOKEN.fullmatch(token) for value, token in zip(values, found, strict=True) if value)


@given(VALUES)
def test_a_token_depends_on_the_value_alone(values):
    assert tokens(values) == [tokens([value])[0] for value in values]


@given(st.text(min_size=1))
def test_kinds_and_environments_have_no_token_in_common(value):
    assert len({tokens([value])[0], tokens([value], tag="payment")[0], tokens([value], key=OTHER)[0]}) == 3


@given(LONGS)
def test_whole_numbers_become_whole_numbers_that_are_equal_where_they_were(values):
    found = whole_tokens(KEY, "person", pa.array(values, pa.int64())).to_pylist()
    assert [found.index(token) for token in found] == [values.index(value) for value in values]
    assert all(0 <= token < 2**62 for token in found if token is not None)


def test_an_address_stays_an_address_and_nothing_else_becomes_one():
    found = tokens(["ana@example.org", "ana", "@", "a@b", "", None], tag="email")
    assert ["@" in (token or "") for token in found] == [True, False, False, True, False, False]
    assert found[4:] == ["", None]


@given(VALUES)
def test_who_a_record_is_about_has_one_name_and_nobody_has_none(values):
    found = subject_ids(KEY, "person", pa.array(values, pa.string())).to_pylist()
    assert [name is None for name in found] == [not value for value in values]
    assert len(set(found) - {None}) == len(set(values) - {None, ""})


@given(VALUES)
def test_a_mask_shows_at_most_the_last_four_characters_of_long_values(values):
    for value, masked in zip(values, mask(pa.array(values, pa.string())).to_pylist(), strict=True):
        if value is None:
            assert masked is None
            continue
        hidden, shown = (masked[:-4], masked[-4:]) if len(value) >= 12 and masked[-4:] == value[-4:] else (masked, "")
        assert not any(letter.isalnum() for letter in hidden)
        assert len(masked) == len(value)
        assert len(shown) in (0, 4)


def test_the_form_of_a_card_number_stays():
    assert mask(pa.array(["1234 5678 9012 3456", "short", None])).to_pylist() == ["**** **** **** 3456", "*****", None]
    assert mask(pa.array(["x", "1234 5678 9012 3456"])[1:]).to_pylist() == ["**** **** **** 3456"]
