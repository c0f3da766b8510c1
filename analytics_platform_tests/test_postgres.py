"""A connection that fails says where and why, and never with what password."""

import pytest

from analytics_platform.connection_string import as_login
from analytics_platform.errors import PlatformError, RefusedError, SettingError, UnreachableError
from analytics_platform.postgres import connect
from analytics_platform_tests.test_settings import CONNECTION_STRINGS


def told(error: BaseException | None) -> str:
    """All that an error and those behind it say."""
    if error is None:
        return ""
    return " ".join([str(error), repr(error), repr(error.args), told(error.__cause__), told(error.__context__)])


@pytest.mark.parametrize("dsn", CONNECTION_STRINGS)
def test_no_part_of_a_password_is_told(dsn):
    with pytest.raises(PlatformError) as caught:
        connect(dsn, application="test")
    assert "s3cret" not in told(caught.value)
    assert "hidden" not in told(caught.value)


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:a@b@h/db", "postgresql://u:a/b@h/db", "host=h pass word", "mysql://h/db"]
)
def test_a_malformed_string_is_a_setting_to_mend(dsn):
    with pytest.raises(SettingError, match="percent-encoded"):
        connect(dsn, application="test")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me@db.example/x",
        "postgresql://me@db.example/x?sslmode=require",
        "postgresql://me@/x?host=/run/pg,db.example",
        "postgresql://me@/x?host=/run/pg&hostaddr=192.0.2.1",
        "host=localhost,db.example dbname=x",
        "service=elsewhere",
    ],
)
def test_no_setting_leads_to_another_machine_without_its_certificate(dsn):
    with pytest.raises(SettingError, match="without verifying its certificate; add sslmode=verify-full"):
        connect(dsn, application="test")


def test_a_login_that_is_refused_is_told_what_to_mend(ledger_dsn):
    with pytest.raises(RefusedError, match=r'failed for user "ap_worker"\); the file of passfile= holds'):
        connect(f"{as_login(ledger_dsn, 'ap_worker')} passfile=/nowhere password=other", application="test")
    with pytest.raises(RefusedError, match=r"no password supplied.*name the login's password file"):
        connect(f"{as_login(ledger_dsn, 'ap_worker')} passfile=/nowhere", application="test")


def test_an_unreachable_database_is_named():
    with pytest.raises(UnreachableError, match=r"Postgres at 127\.0\.0\.1/db does not answer"):
        connect("postgresql://user:password@127.0.0.1:1/db", application="test")
    with pytest.raises(UnreachableError, match="Postgres at /nowhere/db does not answer"):
        connect("postgresql:///db?host=/nowhere", application="test")


def test_a_lost_client_is_noticed_within_half_a_minute(ledger_dsn):
    with connect(ledger_dsn, application="test") as connection:
        parts = connection.info.get_parameters()
    assert int(parts["keepalives_idle"]) + int(parts["keepalives_interval"]) * int(parts["keepalives_count"]) < 30
    assert parts["tcp_user_timeout"] == "20000"


def test_keepalives_of_the_string_go_first(ledger_dsn):
    separator = "&" if "?" in ledger_dsn else "?"
    with connect(f"{ledger_dsn}{separator}keepalives_idle=7", application="test") as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "7"
