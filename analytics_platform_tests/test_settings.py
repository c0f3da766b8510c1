"""No password of a connection string is ever shown."""

from urllib.parse import quote

import pytest

from analytics_platform.connection_string import HIDDEN, connection_parts
from analytics_platform.errors import SettingError
from analytics_platform.settings import LedgerRole, explain_settings, read_settings

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


def told_of_reading(environ: dict[str, str]) -> str:
    """What is said of the settings, or of why they are refused."""
    try:
        return repr(read_settings({"AP_POSTGRES_PLAIN_LOOPBACK": "true", **environ}))
    except SettingError as error:
        return f"{error} {error.args!r} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize("dsn", CONNECTION_STRINGS)
@pytest.mark.parametrize("name", ["ledger_dsn", "dagster_postgres_url"])
def test_no_part_of_a_password_is_explained(name, dsn):
    text = shown(name, dsn) + told_of_reading({f"AP_{name.upper()}": dsn})
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


ELSEWHERE = "reaches db.example without verifying its certificate"


@pytest.mark.parametrize("name", ["ledger_dsn", *(f"{role}_dsn" for role in LedgerRole), "dagster_postgres_url"])
@pytest.mark.parametrize("said", ["", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=disable"])
def test_a_postgres_elsewhere_must_prove_who_it_is(name, said):
    environ = {f"AP_{name.upper()}": f"postgresql+psycopg2://me@db.example/x{said}"}
    with pytest.raises(SettingError, match=f"setting {name}: {ELSEWHERE}; add sslmode=verify-full"):
        read_settings(environ)
    read_settings({f"AP_{name.upper()}": "postgresql+psycopg2://me@db.example/x?sslmode=verify-full"})


def test_a_postgres_on_this_machine_may_go_without_only_where_that_is_said():
    dsn = {"AP_LEDGER_DSN": "postgresql://me@127.0.0.1/x"}
    with pytest.raises(SettingError, match=r"reaches 127\.0\.0\.1 without"):
        read_settings(dsn)
    assert read_settings({**dsn, "AP_POSTGRES_PLAIN_LOOPBACK": "true"}).ledger_dsn.endswith("/x")
    with pytest.raises(SettingError, match=ELSEWHERE):
        read_settings({"AP_LEDGER_DSN": "postgresql://me@db.example/x", "AP_POSTGRES_PLAIN_LOOPBACK": "true"})


def test_a_host_that_only_libpqs_environment_names_is_seen(monkeypatch, tmp_path):
    monkeypatch.setenv("PGHOST", "db.example")
    with pytest.raises(SettingError, match=ELSEWHERE):
        read_settings({"AP_STATE_DIR": str(tmp_path)})  # this clone's may have an instance, which names its host
    assert read_settings({"AP_LEDGER_DSN": "host=/a", "AP_DAGSTER_POSTGRES_URL": "postgresql+psycopg2:///x?host=/a"})


def test_dagster_never_gets_another_driver():
    with pytest.raises(SettingError, match=r"begin it with postgresql\+psycopg2://"):
        read_settings({"AP_DAGSTER_POSTGRES_URL": "postgresql:///dagster"})


def test_a_role_has_the_string_that_is_given_else_one_that_is_derived():
    beside = {"AP_LEDGER_DSN": "postgresql://own@/l?host=/run/pg&passfile=/etc/ap%20x/own", "AP_WORKER_DSN": "dbname=w"}
    settings = read_settings(beside)
    assert settings.ledger_as(LedgerRole.WORKER) == "dbname=w"
    derived = connection_parts(settings.ledger_as(LedgerRole.READER))
    assert derived == {"user": "ap_reader", "dbname": "l", "host": "/run/pg", "passfile": "/etc/ap x/ap_reader"}
    alone = read_settings({"AP_LEDGER_DSN": "postgresql://own@/l?host=/run/pg"})
    assert {alone.ledger_as(role) for role in LedgerRole} == {alone.ledger_dsn}
