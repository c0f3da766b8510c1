"""No password of a connection string is ever shown."""

from urllib.parse import quote

import pytest

from analytics_platform.settings import HIDDEN, explain_settings, read_settings

PASSWORDS = [
    "s3cret",
    *(f"s3cret{sign}hidden" for sign in "@/:?#%&= '\"\\[]+é"),
    "s3cret@a/b:c?d=e#hidden",
    "@s3cret",
    "/s3cret@x",
]
FORMS = [
    "postgresql://user:{}@127.0.0.1:1/db",
    "postgresql+psycopg2://user:{}@127.0.0.1:1/db",
    "postgres://127.0.0.1:1/db?user=user&password={}",
    "host=127.0.0.1 port=1 user=user password={} dbname=db",
    "host=127.0.0.1 port=1 password='{}' user=user",
    "postgresql://user:{}@/db?host=/nowhere",
]
CONNECTION_STRINGS = [
    form.format(written)
    for form in FORMS
    for password in PASSWORDS
    for written in sorted({password, quote(password, safe="")})
]


def shown(name: str, value: str) -> str:
    return next(s.value for s in explain_settings({f"AP_{name.upper()}": value}) if s.name == name)


@pytest.mark.parametrize("dsn", CONNECTION_STRINGS)
@pytest.mark.parametrize("name", ["ledger_dsn", "dagster_postgres_url"])
def test_no_part_of_a_password_is_explained(name, dsn):
    text = shown(name, dsn) + repr(read_settings({f"AP_{name.upper()}": dsn}))
    assert "s3cret" not in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("dsn", "masked"),
    [
        ("postgresql://me:pw@db:5432/platform", "postgresql://me:***@db:5432/platform"),
        ("postgresql+psycopg2://me:pw@db/platform", "postgresql+psycopg2://me:***@db/platform"),
        ("postgresql://[::1]/platform?user=me&password=pw", "postgresql://me:***@[::1]/platform"),
        ("postgresql:///platform?host=/run/pg&password=pw", "postgresql://:***@/platform?host=/run/pg"),
        ("host=db password=pw dbname=platform", "password=*** dbname=platform host=db"),
        ("postgresql://me:p@w@db/platform", HIDDEN),
        ("no connection string", HIDDEN),
        ("postgresql:///platform", "postgresql:///platform"),
        ("postgresql:///platform?host=/run/pg", "postgresql:///platform?host=/run/pg"),
    ],
)
def test_what_is_no_secret_stays_readable(dsn, masked):
    assert sorted(shown("ledger_dsn", dsn).split()) == sorted(masked.split())
