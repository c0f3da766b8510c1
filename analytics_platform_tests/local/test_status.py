"""What the facts of an instance mean. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics_platform.governance.readers import Unregistered
from analytics_platform.ledger.postgres.frozen import Frozen
from analytics_platform.ledger.postgres.pauses import Pause
from analytics_platform.local.disk import Hold, next_hold
from analytics_platform.local.instance import Instance, PartRecord, PartState
from analytics_platform.local.progress import Progress, StreamProgress
from analytics_platform.local.status import Level, Observed, findings, worst
from analytics_platform.local.statusline import rate, status_line
from analytics_platform.product import BehindHeld, Stream

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BIDS = Stream(name="bids", topic="bids", pipeline="p", description="", owner="o", freshness=timedelta(minutes=2))


def bids(**changed) -> StreamProgress:
    fine: dict[str, Any] = {
        "stream": "bids",
        "offsets": 1_000,
        "lag": 3,
        "newest_event_at": NOW - timedelta(seconds=1),
        "batches": 4,
    }
    return StreamProgress(**{**fine, **changed})


def observed(parts=None, **changed) -> Observed:
    parts = parts or {"broker": PartRecord(state=PartState.UP, address="127.0.0.1:3002")}
    fine: dict[str, Any] = {
        "instance": Instance(parts=parts, started_at="2026-05-01T11:00:00+00:00"),
        "supervisor": 42,
        "leftovers": 0,
        "progress": Progress(at=NOW, streams=(bids(),)),
        "streams": (BIDS,),
    }
    return Observed(**{**fine, **changed})


def what(found, level):
    return [finding.what for finding in found if finding.level == level]


def test_an_instance_that_is_well_is_level_zero():
    assert worst(findings(observed())) == Level.OK


def test_each_line_ends_in_a_command():
    found = findings(observed(supervisor=None, progress=Progress(at=NOW, unreachable={"broker": "refused"})))
    assert found and all(finding.next.startswith(("ap ", "open ")) for finding in found)


def test_nothing_running_is_down():
    found = findings(observed(supervisor=None, progress=Progress(at=NOW)))
    assert worst(found) == Level.DOWN
    assert found[0].next == "ap up"


def test_processes_without_a_supervisor_are_named():
    assert "5 processes run on" in findings(observed(supervisor=None, leftovers=5))[0].what


def test_the_worst_comes_first():
    parts = {
        "producer": PartRecord(state=PartState.DOWN, restarts=2),
        "broker": PartRecord(state=PartState.DOWN, restarts=1),
    }
    found = findings(observed(parts))
    assert [finding.level for finding in found] == sorted((f.level for f in found), reverse=True)
    assert what(found, Level.DOWN) == ["broker is down, started again 1 times"]


def test_readers_that_nobody_registered_are_named_up_to_a_few():
    readers = [Unregistered(stream="bids", group=f"group-{n}") for n in range(7)]
    found = what(findings(observed(readers=readers)), Level.DEGRADED)
    assert found[0] == "bids: consumer group group-0 reads it, and nobody has registered it"
    assert found[5:] == ["2 more consumer groups read streams, and nobody has registered them"]


def test_what_could_not_be_reached_is_said():
    found = findings(observed(progress=Progress(at=NOW, unreachable={"ledger": "no such socket"})))
    assert "could not reach ledger: no such socket" in what(found, Level.DOWN)


def test_a_stale_stream_is_degraded_only_while_events_wait():
    old = NOW - timedelta(minutes=5)
    waiting = findings(observed(progress=Progress(at=NOW, streams=(bids(newest_event_at=old),))))
    idle = findings(observed(progress=Progress(at=NOW, streams=(bids(newest_event_at=old, lag=0),))))
    assert (worst(waiting), worst(idle)) == (Level.DEGRADED, Level.OK)


def test_a_failed_check_names_its_batch():
    found = findings(observed(progress=Progress(at=NOW, streams=(bids(checks_failed=("unique_id",)),))))
    assert (found[0].what, found[0].next) == ("bids: check unique_id fails", "ap batch show bids/4")


def test_a_full_disk_is_a_named_alarm():
    found = findings(observed(free_percent=4.0))
    assert found[0].what.startswith("disk-low: 4.0% of the disk is free")


def test_a_silent_daemon_is_degraded():
    silent = Progress(at=NOW, heartbeat_at=NOW - timedelta(minutes=3))
    assert "the daemon has been silent for 180 s" in what(findings(observed(progress=silent)), Level.DEGRADED)


def test_a_failed_run_is_degraded_until_a_later_one_has_published():
    failed = (2, NOW - timedelta(seconds=30))
    after = Progress(at=NOW, failures=failed, published_at=NOW - timedelta(seconds=1))
    before = Progress(at=NOW, failures=failed, published_at=NOW - timedelta(seconds=31))
    assert (worst(findings(observed(progress=after))), worst(findings(observed(progress=before)))) == (
        Level.OK,
        Level.DEGRADED,
    )
    assert any("2, the last at 11:59:30" in said for said in what(findings(observed(progress=after)), Level.OK))


def test_the_disk_alarm_stops_the_producer_first_and_recovers_with_some_room():
    assert next_hold(Hold.NOTHING, 9.9, 10) == Hold.PRODUCER
    assert next_hold(Hold.PRODUCER, 9.9, 10) == Hold.INGESTION
    assert next_hold(Hold.INGESTION, 10.5, 10) == Hold.INGESTION
    assert next_hold(Hold.INGESTION, 11.0, 10) == Hold.NOTHING


def test_the_status_line_says_rate_lag_freshness_runs_and_checks():
    before = Progress(at=NOW - timedelta(seconds=2), streams=(bids(offsets=0),))
    now = Progress(at=NOW, streams=(bids(checks_passed=3),), runs={"SUCCESS": 4, "STARTED": 1})
    line = status_line(now, rate(before, now), {})
    assert line == (
        "12:00:00  500 events/s in  lag 3  fresh 1.0 s  runs 4 done, 1 active, 0 failed  checks 3 passed, 0 failed"
    )


def test_the_status_line_begins_with_trouble():
    line = status_line(Progress(at=NOW, unreachable={"broker": "x"}), 0, {"daemon": "down"})
    assert "DAEMON DOWN, BROKER DOES NOT ANSWER" in line


def test_a_paused_stream_is_named_with_who_and_until_when():
    pause = Pause(stream="bids", reason="a bad deploy", by="ada", since=NOW, until=NOW + timedelta(hours=2))
    found = findings(observed(progress=Progress(at=NOW, streams=(bids(),), pauses=(pause,))))
    assert found[0].what == "bids: paused until 2026-05-01 14:00 UTC by ada: a bad deploy"
    assert (found[0].level, found[0].next) == (Level.DEGRADED, "ap stream resume bids")


def test_frozen_models_are_one_finding_for_each_cause():
    since = NOW - timedelta(minutes=7)
    frozen = [("hot", "price"), ("top", "price"), ("hot", "at")]
    rows = tuple(Frozen(model=model, asset="bids/silver", column=column, since=since) for model, column in frozen)
    found = findings(observed(progress=Progress(at=NOW, streams=(bids(),), frozen=rows)))
    assert what(found, Level.DEGRADED) == [
        "bids/silver, price is broken since 11:53, frozen: hot, top",
        "bids/silver, at is broken since 11:53, frozen: hot",
    ]


def test_a_held_batch_is_named_and_what_waits_behind_it():
    patient = replace(BIDS, behind_held=BehindHeld.WAIT)
    progress = Progress(at=NOW, streams=(bids(),), held={"bids": 7})
    (goes_on,) = what(findings(observed(progress=progress)), Level.DEGRADED)
    (waits,) = what(findings(observed(progress=progress, streams=(patient,))), Level.DEGRADED)
    assert goes_on == "bids: batch bids/7 is held until somebody decides" and waits.endswith("waits in Kafka")
