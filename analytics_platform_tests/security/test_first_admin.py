"""The owner of an instance's folder is its first admin, and stays one without doing anything."""

import stat
from datetime import UTC, datetime, timedelta

from analytics_platform.security import token_store
from analytics_platform.security.first_admin import LASTS, make_admin, make_token_file
from analytics_platform.security.roles import Role
from analytics_platform.security.token import id_in

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def bearer(ledger, place, now=NOON):
    return token_store.bearer_of(ledger, place.read_text().strip(), now)


def test_the_first_start_makes_a_token_for_its_owner_only(ledger, tmp_path):
    place = tmp_path / "state" / "admin-token"
    assert not token_store.has_admin(ledger)
    assert make_admin(ledger, place, "ana", NOON)
    assert token_store.has_admin(ledger)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert (bearer(ledger, place).name, bearer(ledger, place).roles) == ("ana", {Role.ADMIN})
    assert not make_admin(ledger, place, "ana", NOON)
    assert len(token_store.every(ledger)) == 1


def test_the_file_of_ap_init_is_taken_as_it_is(ledger, tmp_path):
    text = make_token_file(tmp_path / "admin-token")
    assert make_admin(ledger, tmp_path / "admin-token", "ana", NOON)
    assert (tmp_path / "admin-token").read_text().strip() == text


def test_what_ends_soon_was_revoked_or_is_no_token_is_replaced(ledger, tmp_path):
    place = tmp_path / "admin-token"
    make_admin(ledger, place, "ana", NOON)
    later = NOON + LASTS - timedelta(days=3)
    assert make_admin(ledger, place, "ana", later)
    token_store.revoke(ledger, id_in(place.read_text().strip()), "ben", later)
    assert make_admin(ledger, place, "ana", later)
    place.write_text("scribbled\n")
    assert make_admin(ledger, place, "ana", later)
    assert bearer(ledger, place, later).name == "ana"
    assert [path.name for path in tmp_path.iterdir()] == ["admin-token"]
