from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.errors import SettingError
from analytics_platform.security.certificate_files import RENEWED_WITH_LEFT, CertificateFolder, Holder, time_left
from analytics_platform.security.certificates import PART_VALID, is_signed_by

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NAMES = ("broker", "planner")
HOLDERS = (Holder("broker", ("127.0.0.1",)), Holder("planner"))


@pytest.fixture
def folder(tmp_path):
    found = CertificateFolder(tmp_path / "security")
    found.provide(HOLDERS, NOW)
    return found


def test_what_is_there_and_good_is_left_alone(folder):
    before = {name: folder.of(name).read_bytes() for name in NAMES}
    assert folder.provide(HOLDERS, NOW) == []
    assert {name: folder.of(name).read_bytes() for name in NAMES} == before


def test_what_ends_soon_is_renewed_at_a_start(folder):
    assert folder.provide(HOLDERS, NOW + PART_VALID * (1 - RENEWED_WITH_LEFT) + timedelta(seconds=1)) == list(NAMES)


def test_what_is_good_for_longer_is_renewed_later(folder):
    lasting = [Holder("controller", valid=10 * PART_VALID)]
    folder.provide(lasting, NOW)
    assert folder.provide(lasting, NOW + 6 * PART_VALID) == []
    assert folder.provide(lasting, NOW + 7 * PART_VALID) == ["controller"]


def test_what_was_cut_short_or_is_missing_is_made_anew(folder):
    folder.of("planner").write_bytes(b"-----BEGIN")
    assert folder.provide([*HOLDERS, Holder("worker")], NOW) == ["planner", "worker"]


def test_nobody_else_can_read_a_key(folder):
    assert folder.path.stat().st_mode & 0o777 == 0o700
    keys = [file for file in folder.path.iterdir() if file != folder.trust]
    assert {file.stat().st_mode & 0o777 for file in keys} == {0o600}
    assert b"PRIVATE" not in folder.trust.read_bytes()


def test_an_authority_is_changed_while_both_are_trusted_at_every_moment(folder):
    old = {name: folder.of(name).read_bytes() for name in NAMES}
    folder.add_authority(NOW)
    assert all(is_trusted(folder, pem) for pem in old.values())
    assert folder.provide(HOLDERS, NOW) == []  # the old one still signs
    folder.change_authority()
    assert folder.provide(HOLDERS, NOW) == list(NAMES)
    assert all(is_trusted(folder, pem) for pem in [*old.values(), *(folder.of(name).read_bytes() for name in NAMES)])
    folder.drop_old_authority()
    assert not any(is_trusted(folder, pem) for pem in old.values())
    assert all(is_trusted(folder, folder.of(name).read_bytes()) for name in NAMES)


def test_a_change_that_was_interrupted_goes_on_where_it_was(folder):
    folder.add_authority(NOW)
    trusted = folder.trust.read_bytes()
    folder.add_authority(NOW)
    assert folder.trust.read_bytes() == trusted
    folder.change_authority()
    folder.change_authority()
    folder.drop_old_authority()
    assert folder.provide(HOLDERS, NOW) == list(NAMES)


def test_every_end_is_known_by_name(folder):
    left = time_left(folder.expiries(), NOW)
    assert set(left) == {"authority", "ca", *NAMES}
    assert left["planner"] == PART_VALID


def test_without_an_authority_it_says_who_makes_one(tmp_path):
    with pytest.raises(SettingError, match="ap up"):
        CertificateFolder(tmp_path).renew(HOLDERS, NOW)


def is_trusted(folder, pem):
    ca = folder.trust.read_bytes()
    parts = [end + b"-----END CERTIFICATE-----\n" for end in ca.split(b"-----END CERTIFICATE-----\n")[:-1]]
    return any(is_signed_by(pem, part) for part in parts)
