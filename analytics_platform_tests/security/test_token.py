"""Tokens: whoever has the whole of one is its holder, until it ends; nobody else is, and no error says it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import TokenError
from analytics_platform.security.token import RANDOM_BYTES, Token, digest_of, holder_of, id_in, token_text

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def kept(text: str, **changed) -> Token:
    fine: dict[str, Any] = {
        "id": id_in(text),
        "holder": "ana",
        "sha256": digest_of(text),
        "issued_by": "ben",
        "issued_at": NOON - timedelta(days=1),
        "expires_at": NOON + timedelta(days=1),
    }
    return Token(**{**fine, **changed})


@given(RANDOM)
def test_whoever_has_the_whole_token_is_its_holder(random):
    text = token_text(random)
    assert holder_of(text, kept(text), NOON) == "ana"


@given(RANDOM, RANDOM, st.integers(0, 60), st.sampled_from("aZ9_-"))
def test_anything_else_is_nobodys_and_the_error_holds_none_of_it(random, other, place, letter):
    text, known = token_text(random), kept(token_text(other))
    forged = text[:place] + letter + text[place + 1 :]
    for given_text in {text, forged} - {token_text(other)}:
        with pytest.raises(TokenError) as error:
            holder_of(given_text, known, NOON)
        assert given_text[16:] not in str(error.value) and known.sha256 not in repr(known)


@given(RANDOM, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_token_is_good_until_the_instant_at_which_it_expires(random, later):
    text, at = token_text(random), NOON + later
    if at < NOON + timedelta(days=1):
        assert holder_of(text, kept(text), at) == "ana"
    else:
        with pytest.raises(TokenError, match="has expired at 2026-06-02 12:00 UTC"):
            holder_of(text, kept(text), at)


def test_a_revoked_token_is_over_at_once_and_says_so_to_its_holder_only():
    text = token_text(bytes(RANDOM_BYTES))
    revoked = kept(text, revoked_at=NOON, revoked_by="ben")
    with pytest.raises(TokenError, match="was revoked at 2026-06-01 12:00 UTC"):
        holder_of(text, revoked, NOON)
    with pytest.raises(TokenError, match="is nobody's"):
        holder_of(text[:-1] + "B", revoked, NOON)


def test_what_is_kept_under_no_id_is_nobodys():
    with pytest.raises(TokenError, match="is nobody's"):
        holder_of(token_text(bytes(RANDOM_BYTES)), None, NOON)


@pytest.mark.parametrize(
    "text", ["", "guessed", "ap_00", "ap_000000000000_", "x" * 9999, "ap_000000000000_" + "é" * 43]
)
def test_what_does_not_look_like_a_token_is_none(text):
    with pytest.raises(TokenError, match="is no token"):
        id_in(text)
