"""Fixtures that every test may ask for: a real broker, a real Postgres, names and databases of a test's own."""

import os
import re
import signal
from collections.abc import Callable, Generator

import psycopg
import pytest
from hypothesis import settings

from analytics_platform.postgres import connect
from analytics_platform.security.parts import PartName
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import (
    Kafka,
    Postgres,
    fresh_ledger,
    running_kafka,
    running_postgres,
    topic_names,
)
from analytics_platform_tests.secured import SecuredKafka, running_secured_kafka

os.environ["AP_KAFKA_PROTOCOL"] = "PLAINTEXT"  # the usual broker of tests asks nobody who they are: quicker to start
# A job in the background ignores SIGINT. Dagster gives SIGTERM what SIGINT has, whatever is started then inherits it,
# and a broker that is asked to end waits until it is killed.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("untimed", deadline=None, print_blob=True)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Generator[Kafka]:
    """A broker for all tests of this worker: give each test topics of its own (`topic`)."""
    # the jars are those of `ap up`, so that they are fetched once
    with running_kafka(tmp_path_factory.mktemp("kafka"), read_settings().jar_dir) as running:
        yield running


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Generator[SecuredKafka]:
    """A broker for all tests of this worker that asks everybody who they are; only `broker` may do anything yet."""
    names = (*PartName, "auction-house")
    with running_secured_kafka(tmp_path_factory.mktemp("secured"), read_settings().jar_dir, names) as running:
        yield running


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    """A Postgres for all tests of this worker: give each test a database of its own (`ledger_dsn`)."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture
def ledger_dsn(postgres: Postgres) -> Generator[str]:
    """A database of this test's own, with the ledger's tables and nothing in them."""
    with fresh_ledger(postgres) as dsn:
        yield dsn


@pytest.fixture
def ledger(ledger_dsn: str) -> Generator[psycopg.Connection]:
    """A connection to it, as its owner."""
    with connect(ledger_dsn, application="test") as connection:
        yield connection


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes topic names that no other test uses, each call another."""
    return topic_names(re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name).strip("-").lower()[:60])
