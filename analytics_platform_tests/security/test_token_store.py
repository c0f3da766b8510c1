"""What is kept of tokens: digests that nobody can change, and revocations that cannot be taken back."""

from datetime import timedelta

import psycopg
import pytest

from analytics_platform.security import token_store
from analytics_platform.security.token import RANDOM_BYTES, token_text
from analytics_platform_tests.security.test_token import NOON, kept

TEXT = token_text(bytes(range(RANDOM_BYTES)))


def test_a_token_is_found_by_its_id_as_it_was_issued(ledger):
    token_store.issue(ledger, kept(TEXT))
    assert token_store.find(ledger, kept(TEXT).id) == kept(TEXT)
    assert token_store.find(ledger, "0" * 12) is None


def test_a_revocation_is_made_once_and_says_by_whom(ledger):
    token_store.issue(ledger, kept(TEXT))
    done = [token_store.revoke(ledger, kept(TEXT).id, by, NOON) for by in ("cem", "dora")]
    assert done == [True, False]
    assert token_store.every(ledger) == [kept(TEXT, revoked_at=NOON, revoked_by="cem")]
    assert not token_store.revoke(ledger, "0" * 12, "cem", NOON)


@pytest.mark.parametrize(
    "change",
    [
        "update access_token set holder = 'eve'",
        "update access_token set expires_at = expires_at + interval '1 year'",
        "delete from access_token_revoked",
        "delete from access_token",
    ],
)
def test_what_was_issued_and_revoked_stays_so(ledger, change):
    token_store.issue(ledger, kept(TEXT))
    token_store.revoke(ledger, kept(TEXT).id, "cem", NOON + timedelta(hours=1))
    with pytest.raises(psycopg.Error):
        ledger.execute(change)


def test_the_token_itself_is_nowhere_in_the_database(ledger):
    token_store.issue(ledger, kept(TEXT))
    rows = ledger.execute("select t::text from access_token t").fetchall()
    assert TEXT not in str(rows) and TEXT.split("_", 2)[2] not in str(rows)
