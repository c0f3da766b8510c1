"""Publishing is all or nothing, manifests are facts, and a newer dirty mark survives; on a real Postgres."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import FencedError
from analytics_platform.facts import BatchId, Manifest, Outcome, Verdict
from analytics_platform.ledger.manifest import from_json, to_json
from analytics_platform.ledger.postgres import dirty, publication
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.postgres import connect

HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_dsn):
    with connect(ledger_dsn, application="test") as connection:
        leases.ensure_pipeline(connection, "p")
        yield connection


def manifest(number=1, revision=1, passed=True):
    return Manifest(
        batch=BatchId(stream="s", number=number),
        hour=HOUR,
        revision=revision,
        epoch=1,
        offsets=10,
        rows=9,
        gaps=1,
        outcomes={Outcome.PUBLISHED: 8, Outcome.CONFLICT: 1},
        hashes={"silver": 2**64 - 1, "bronze": 0},
        versions={"silver": 3},
        verdicts=(Verdict(asset="s/silver", check="reconciled", passed=passed, severity="error", detail="d"),),
        newest_event_at={0: HOUR + timedelta(microseconds=number)},
        reader_schema_id=1,
        metrics={"age_seconds": 0.25},
        libraries={"duckdb": "2"},
    )


def cycle(*manifests, versions=None, seen=None, at=HOUR):
    return publication.Cycle(
        manifests=manifests, versions=versions or {"s/silver": 3}, seen_marks=seen or {}, published_at=at
    )


@given(st.integers(0, 2**64 - 1), st.booleans())
def test_a_manifest_survives_its_json(fingerprint, passed):
    written = manifest(passed=passed)
    assert from_json("s", 1, 1, HOUR, to_json(written)) == written


def test_what_was_published_is_what_readers_find(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        publication.publish(ledger, lease, cycle(manifest()))
    assert publication.published_versions(ledger, "p") == {"s/silver": 3}
    assert publication.manifest_of(ledger, "s", 1) == manifest()
    assert publication.newest_event_at(ledger, "s", 2, None) == manifest().newest_event_at
    assert publication.newest_event_at(ledger, "s", 1, None) == {}


def test_a_fenced_writer_publishes_nothing(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        ledger.execute("update pipeline set epoch = epoch + 1")
        with pytest.raises(FencedError):
            publication.publish(ledger, lease, cycle(manifest()))
    assert publication.published_versions(ledger, "p") == {} and publication.manifest_of(ledger, "s", 1) is None


def test_a_manifest_is_never_edited(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        publication.publish(ledger, lease, cycle(manifest()))
    for statement in ("update manifest set revision = 9", "delete from manifest"):
        with pytest.raises(psycopg.errors.RaiseException, match="rows are facts"):
            ledger.execute(statement)


def test_the_latest_revision_speaks_for_a_batch(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        publication.publish(ledger, lease, cycle(manifest(1), manifest(2)))
        publication.publish(ledger, lease, cycle(manifest(1, revision=2)))
    found = publication.manifests_of_hours(ledger, ["s"], [HOUR])
    assert [(m.batch.number, m.revision) for m in found] == [(1, 2), (2, 1)]


def test_the_cut_that_was_public_at_that_instant_is_kept(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        for number in range(3):
            at = HOUR + timedelta(minutes=number)
            publication.publish(ledger, lease, cycle(versions={"m": number}, at=at))
    assert publication.forget(ledger, "p", HOUR + timedelta(minutes=1, seconds=30)) == 1
    assert publication.oldest_versions(ledger, "p") == {"m": 1}


def test_readers_can_go_back_to_an_earlier_cut(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        publication.publish(ledger, lease, cycle(versions={"m": 1}))
        publication.publish(ledger, lease, cycle(versions={"m": 2}, at=HOUR + timedelta(minutes=5)))
    at = HOUR + timedelta(minutes=1)
    assert publication.published_versions(ledger, "p", at) == {"m": 1}
    assert publication.published_versions(ledger, "p", HOUR - timedelta(seconds=1)) == {}


def test_the_newest_cut_is_never_forgotten(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        publication.publish(ledger, lease, cycle(versions={"m": 1}))
        publication.publish(ledger, lease, cycle(versions={"m": 2}))
    assert publication.forget(ledger, "p", HOUR + timedelta(days=1)) == 1
    assert publication.published_versions(ledger, "p") == {"m": 2}


def test_a_grain_marked_again_while_it_is_recomputed_stays_dirty(ledger):
    dirty.mark(ledger, {"m": {"1", "2"}, "n": {"1"}}, "s/1")
    seen = {name: dirty.marks(ledger, name) for name in ("m", "n")}
    dirty.mark(ledger, {"m": {"2", "3"}}, "s/2")
    dirty.clear(ledger, seen)
    assert set(dirty.marks(ledger, "m")) == {"2", "3"} and not dirty.marks(ledger, "n")
    assert dirty.is_any(ledger, ["m"]) and not dirty.is_any(ledger, ["other"])


def test_a_failed_verdict_leaves_a_note_in_the_outbox(ledger):
    with leases.taken(ledger, "p", "r1", HOUR) as lease:
        publication.publish(ledger, lease, cycle(manifest(passed=False)))
    assert ledger.execute("select key, body -> 'failed' from outbox").fetchall() == [("s/1", ["s/silver: reconciled"])]
