"""A version is deprecated and archived: refused while anything needs it, and what is archived stays readable."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.deliver import fold, standing
from analytics_platform.errors import ForbiddenError, StillNeededError
from analytics_platform.facts import SchemaFormat
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.governance.opening import desk_of
from analytics_platform.pipeline.governance.retire import archive, deprecate, needed_by, version_of
from analytics_platform.pipeline.governance.sunset import look_at_sunsets
from analytics_platform.product import Catalog
from analytics_platform.registry import store
from analytics_platform.registry.git import Repository
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.texts import Draft
from analytics_platform_tests.pipeline.house import FIELDS, NOON, SCHEMAS, Clock, bid, kafka_with, opened
from analytics_platform_tests.pipeline.orders import lease, rows
from analytics_platform_tests.pipeline.test_redrive import CONFLUENT, written
from analytics_platform_tests.service.served import git, repository

SUBJECT, OLD, NEW = "bids-value", 2, 3  # auctions have id 1
DAY = timedelta(days=1)


@pytest.fixture
def clock():
    return Clock(NOON)


@pytest.fixture
def kafka():
    return kafka_with()


@pytest.fixture
def parts(ledger_dsn, tmp_path, kafka, clock):
    with opened(ledger_dsn, tmp_path / "tables", kafka, now=clock, pipeline=CONFLUENT) as found:
        yield replace(found, schemas=dict(SCHEMAS), limits=replace(found.limits, retention=DAY))


@pytest.fixture
def registrar(parts, tmp_path):
    folder = repository(tmp_path / "project")
    made = Registrar(connection=parts.ledger, folder=folder, repository=Repository.of(folder), patches=tmp_path)
    for subject, fields in (("auctions", {}), ("bids", {}), ("bids", {"currency": {"type": "string"}})):
        schema = {"type": "object", "properties": {**FIELDS[subject], **fields}, "required": list(FIELDS[subject])}
        draft = Draft(subject=f"{subject}-value", format=SchemaFormat.JSON, body=json.dumps(schema))
        made.publish(draft, lambda *_: None)
    return made


@pytest.fixture
def desk(registrar):
    return desk_of(registrar, Catalog(pipelines={"house": CONFLUENT}))


def version(registrar, number=1):
    return version_of(store.read_snapshot(registrar.connection), SUBJECT, number)


def retire(registrar, desk, sunset=None):
    return deprecate(registrar, desk, store.read_snapshot(registrar.connection), version(registrar), sunset, None)


def archived(registrar, desk, parts, tmp_path):
    """What still needs it; nothing once it is archived."""
    snapshot = store.read_snapshot(registrar.connection)
    needs = needed_by(registrar, desk, snapshot, version(registrar), tmp_path / "tables", parts.reader)
    try:
        archive(registrar, desk, version(registrar), needs, None)
    except StillNeededError as error:
        return list(error.needed_by)
    return []


def is_overdue(alert):
    return alert.labels["alertname"] == "VersionOverdue"


def test_it_is_kept_for_kafka_then_for_bronze_and_goes_after_both(registrar, desk, parts, kafka, clock, tmp_path):
    kafka.append("bids", 0, [written(bid(n), id_) for n, id_ in enumerate((NEW, OLD, NEW))])
    lease(parts, "first")
    retire(registrar, desk)
    [file] = parts.tables.of("bids", "bronze").files()
    needed = [archived(registrar, desk, parts, tmp_path)]
    kafka.delete_before("bids", 0, 2)
    needed += [archived(registrar, desk, parts, tmp_path)]
    clock.at = NOON + 3 * DAY
    kafka.append("bids", 0, [written(bid(3), NEW)])
    lease(parts, "second")
    with taken(parts.ledger, "house", "upkeep", clock.at) as held:
        upkeep.clean(parts, held)
    needed += [archived(registrar, desk, parts, tmp_path)]

    in_bronze = f"1 rows in bids/bronze/{file.path}"
    assert needed == [["offset 1 of bids-0, which Kafka keeps from 0 on", in_bronze], [in_bronze], []]
    assert version(registrar).state is VersionState.ARCHIVED
    assert "1: {state: archived" in (registrar.folder / "bids" / "subject.yaml").read_text()
    assert git(registrar.folder, "status", "--porcelain") == ""
    schemas = store.stream_schemas(registrar.connection, "bids")
    assert schemas is not None and OLD in schemas.writers
    assert {row["event_id"] for row in rows(parts, "bids/silver").to_pylist()} == {"bid-3"}
    steps = [(str(fact.step), fact.version) for fact in LedgerFacts(registrar.connection).of(SUBJECT)]
    assert steps == [("deprecated", 1), ("kept", 1), ("kept", 1), ("archived", 1)]


def test_a_consumer_that_names_it_keeps_it_and_is_told_of_its_sunset(registrar, desk, parts, tmp_path):
    (registrar.folder / "consumers.yaml").write_text(
        "consumers:\n  - {name: fraud, owner: team:fraud, reads: bids-value, version: 1}\n"
        "  - {name: bi, owner: team:bi, reads: bids-value, version: 2}\n"
    )
    until = retire(registrar, desk, date(2027, 1, 31))

    assert until == date(2027, 1, 31)
    assert "1: {state: deprecated, sunset: 2027-01-31}" in (registrar.folder / "bids" / "subject.yaml").read_text()
    assert archived(registrar, desk, parts, tmp_path) == ["consumer fraud (team:fraud), which reads it"]
    told = registrar.connection.execute("select kind, key, body ->> 'owner' from outbox order by id").fetchall()
    assert told == [
        ("version deprecated", "bids-value version 1 for its producers", "team:undecided"),
        ("version deprecated", "bids-value version 1 for fraud", "team:fraud"),
    ]


def test_who_owns_the_stream_is_told_while_it_is_written_in_after_its_sunset(registrar, desk, parts, kafka, clock):
    kafka.append("bids", 0, [written(bid(n), id_) for n, id_ in enumerate((NEW, OLD, NEW))])
    lease(parts, "first")
    retire(registrar, desk, NOON.date())
    streams = CONFLUENT.streams

    def overdue(now):
        look_at_sunsets(registrar.connection, registrar.folder, streams, now)
        fold(registrar.connection, Known(), now)
        return [alert.labels["subject"] for alert in standing(registrar.connection, now) if is_overdue(alert)]

    found = [overdue(NOON), overdue(NOON + DAY), overdue(NOON + DAY)]
    clock.at = NOON + DAY
    kafka.append("bids", 0, [written(bid(3), NEW)])
    lease(parts, "second")
    found.append(overdue(clock.at + timedelta(minutes=1)))

    assert found == [[], ["bids-value version 1"], ["bids-value version 1"], []]


def test_only_what_is_deprecated_is_archived_and_the_last_one_is_not_deprecated(registrar, desk):
    with pytest.raises(ForbiddenError, match="is published, and cannot be archived"):
        archive(registrar, desk, version(registrar), [], None)
    retire(registrar, desk)
    with pytest.raises(ForbiddenError, match="the only published version"):
        deprecate(registrar, desk, store.read_snapshot(registrar.connection), version(registrar, 2), None, None)
