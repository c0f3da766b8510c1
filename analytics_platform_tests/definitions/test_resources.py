"""A sensor's connection to the ledger is kept from tick to tick, and no trouble with it outlives a tick."""

from dataclasses import replace

import psycopg
import pytest

from analytics_platform.definitions.resources import KeptLedger
from analytics_platform.errors import UnreachableError
from analytics_platform.settings import LedgerRole, read_settings


@pytest.fixture
def settings(ledger_dsn):
    return replace(read_settings({"AP_LEDGER_DSN": ledger_dsn}), planner_dsn=ledger_dsn)


@pytest.fixture
def kept():
    return KeptLedger(LedgerRole.PLANNER, "a sensor")


def backend(kept, settings):
    with kept.of(settings) as ledger:
        return ledger.info.backend_pid


def test_ticks_share_one_connection(kept, settings):
    assert len({backend(kept, settings) for _ in range(3)}) == 1


def test_a_connection_that_broke_between_two_ticks_is_made_anew(kept, settings, ledger):
    broken = backend(kept, settings)
    ledger.execute("select pg_terminate_backend(%s)", [broken])
    assert backend(kept, settings) != broken


def test_what_a_failing_tick_left_is_not_used_again(kept, settings):
    left = backend(kept, settings)
    with pytest.raises(psycopg.DataError), kept.of(settings) as ledger:
        ledger.execute("select 1 / 0")
    assert backend(kept, settings) != left


def test_a_ledger_that_is_away_is_told_and_connected_to_when_it_is_back(kept, settings):
    away = "host=/nowhere dbname=platform"
    for _ in range(2):
        with pytest.raises(UnreachableError):
            backend(kept, replace(settings, planner_dsn=away))
    assert backend(kept, settings)
