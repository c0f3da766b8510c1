from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from analytics_platform.security.certificates import (
    PART_VALID,
    expires_at,
    is_signed_by,
    issue,
    load_key,
    new_authority,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
AUTHORITY = new_authority("ours", NOW)


def loaded(pem):
    return x509.load_pem_x509_certificate(pem)


def extension(pem, kind):
    return loaded(pem).extensions.get_extension_for_class(kind).value


def test_a_certificate_says_who_shows_it_and_nothing_else():
    assert loaded(issue(AUTHORITY, "planner", NOW).certificate).subject.rfc4514_string() == "CN=planner"


def test_a_certificate_is_its_authoritys_and_no_others():
    made = issue(AUTHORITY, "planner", NOW)
    assert is_signed_by(made.certificate, AUTHORITY.certificate)
    assert not is_signed_by(made.certificate, new_authority("ours", NOW).certificate)


def test_a_certificate_begins_before_clocks_that_lag_and_ends_in_time():
    made = issue(AUTHORITY, "planner", NOW)
    assert loaded(made.certificate).not_valid_before_utc < NOW
    assert expires_at(made.certificate) == NOW + PART_VALID
    assert expires_at(issue(AUTHORITY, "planner", NOW, valid=timedelta(hours=1)).pem) == NOW + timedelta(hours=1)


def test_only_one_that_serves_has_hosts_and_may_serve():
    served = issue(AUTHORITY, "broker", NOW, hosts=["127.0.0.1", "localhost"]).certificate
    names = extension(served, x509.SubjectAlternativeName)
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    uses = [len(extension(pem, x509.ExtendedKeyUsage)) for pem in (served, issue(AUTHORITY, "x", NOW).certificate)]
    assert uses == [2, 1]


def test_a_part_cannot_sign_for_others():
    made = issue(AUTHORITY, "planner", NOW)
    assert not extension(made.certificate, x509.BasicConstraints).ca
    assert not extension(made.certificate, x509.KeyUsage).key_cert_sign
    assert extension(AUTHORITY.certificate, x509.BasicConstraints).path_length == 0


def test_a_key_shows_in_no_text_of_it():
    made = issue(AUTHORITY, "planner", NOW)
    assert "PRIVATE" not in repr(made)
    assert load_key(made.pem).public_key() == loaded(made.certificate).public_key()


def test_no_certificate_is_no_certificate():
    with pytest.raises(ValueError):
        expires_at(b"nothing")
