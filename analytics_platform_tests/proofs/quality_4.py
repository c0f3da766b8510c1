"""kill -9 between verdict, publication and delivery, 50 times: one alert by its key, and none is lost.

A real broker, a real Postgres, a real Alertmanager (Debian's package, installed here if it is missing) with the routes
that `ap alert routes` generates, and a receiver behind it that notes what it is sent. Fifty times a producer writes
broken bids into a stream with a contract; a worker or the deliverer is killed by -9 at a place drawn from the list;
then whoever comes next goes on. All of it is one cause, so that Alertmanager must have one alert of it at the end; a
second, independent fault must be a second one; and when people have decided about every batch, none must be left.
"""

import multiprocessing
import random
import re
import signal
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.facts import BatchId, BatchState
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.pipeline.house import bid
from analytics_platform_tests.proofs.alarms import Alarms, await_that, running_alarms
from analytics_platform_tests.proofs.checked_house import CheckedPlace, work_or_deliver
from analytics_platform_tests.proofs.report import ROOT, Report

KILLS = 50
WORKER = ("after_parquet", "after_commit", "after_dirty", "after_publish")  # verdict made; written; public
DELIVERER = ("folded", "sent")
PROCESS_SECONDS = 120.0
# Processes are forked by one that has imported everything and done nothing: else they would mostly import.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["analytics_platform_tests.proofs.checked_house", "soda_duckdb"])


def prove(report: Report) -> None:
    """Kill, go on, count."""
    chance = random.Random(report.seed)
    with tempfile.TemporaryDirectory(prefix="quality-4-") as name:
        folder = Path(name)
        with (
            running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
            running_postgres(folder / "postgres") as postgres,
            fresh_database(postgres) as dsn,
            running_alarms(report, folder / "alertmanager") as alarms,
        ):
            place = CheckedPlace(dsn=dsn, folder=folder / "tables", bootstrap=kafka.bootstrap, suffix="q4")
            place.create()
            _kill_often(report, place, alarms, chance)
            _second_fault(report, place, alarms)
            _decide(report, place, alarms)
            _planted(report, place, alarms)


def _kill_often(report: Report, place: CheckedPlace, alarms: Alarms, chance: random.Random) -> None:
    report.step(f"{KILLS} broken batches, a kill -9 with each")
    killed, told = Counter[str](), set()
    for number in range(KILLS):
        place.append("bids", 0, [bid(f"{number}-{n}", price=-1) for n in range(3)])
        point = chance.choice((*WORKER, *DELIVERER))
        if point in WORKER:
            killed[point] += _run(place, "work", point) == -signal.SIGKILL
        else:
            _run(place, "work", "")
            killed[point] += _run(place, "deliver", point, alarms.url) == -signal.SIGKILL
        if number % 5 == 4:  # else the next one that is killed goes on
            _run(place, "work", "")
            _run(place, "deliver", "", alarms.url)
        told |= {alert["fingerprint"] for alert in alarms.standing()}
        if (number + 1) % 10 == 0:
            report.step(f"{number + 1} kills, alerts by fingerprint: {len(told)}")
    report.figure("kills by place", dict(killed))
    report.claim(f"{KILLS} were really killed", killed.total() == KILLS)
    report.claim("at each of the places", killed.keys() == {*WORKER, *DELIVERER})
    _one_alert(report, place, alarms, told)


def _one_alert(report: Report, place: CheckedPlace, alarms: Alarms, told: set[str]) -> None:
    """However often they died: the alerts that were `told` are one, and it counts every batch."""
    standing = alarms.standing()
    held = place.batches(BatchState.HELD)
    named = int(_number(standing[0]["annotations"].get("batches", ""))) if standing else 0
    report.figure("batches held", len(held))
    report.claim("Alertmanager never had but one alert of it, by its own fingerprint", len(told) == len(standing) == 1)
    with place.ledger() as ledger:
        rows = ledger.execute("select sum(landed_rows) from batch where stream = 'bids' and state = 'held'").fetchone()
    report.claim("every broken row is in a batch that is held", rows == (3 * KILLS,))
    report.claim(f"no batch is lost: the alert counts all {len(held)}, {named}", named == len(held) > 0)
    await_that(lambda: alarms.notified()["price", "firing"] > 0, "the receiver behind Alertmanager is told")
    report.figure("notifications", {" ".join(k): v for k, v in alarms.notified().items()})
    report.claim("who is behind it was told of one cause", {cause for cause, _ in alarms.notified()} == {"price"})


def _second_fault(report: Report, place: CheckedPlace, alarms: Alarms) -> None:
    report.step("a second, independent fault")
    place.append("bids", 1, [bid(f"far-{n}", auction=10**9) for n in range(3)])
    _run(place, "work", "")
    _run(place, "deliver", "", alarms.url)
    causes = sorted(alert["labels"]["cause"] for alert in alarms.standing())
    report.claim(f"two independent faults are two alerts: {causes}", causes == ["auction", "price"])


def _decide(report: Report, place: CheckedPlace, alarms: Alarms) -> None:
    report.step("people discard every held batch")
    held = place.batches(BatchState.HELD)
    with place.ledger() as ledger:
        order = Order(
            pipeline="house",
            kind=Kind.DISCARD,
            requested_by="proof",
            reason="broken",
            requested_at=datetime.now(UTC),
            batches=tuple(BatchId(stream="bids", number=number) for number in held),
        )
        rework.give(ledger, order)
    _run(place, "work", "")
    _run(place, "deliver", "", alarms.url)
    await_that(lambda: not alarms.standing(), "nothing stands")
    report.claim("then nothing stands any more", not alarms.standing())
    await_that(lambda: alarms.notified()["price", "resolved"] > 0, "the receiver is told that it is over")
    report.claim("and who is behind it is told that both are over", _resolved(alarms) == {"auction", "price"})
    with place.ledger() as ledger:
        left = ledger.execute("select count(*) from outbox where delivered_at is null").fetchone()
    report.claim("nothing is left in the outbox", left == (0,))


def _planted(report: Report, place: CheckedPlace, alarms: Alarms) -> None:
    """What would be lost if delivery only read the outbox, and noted before it told."""
    report.step("planted: a deliverer that notes before it tells, killed in between")
    place.append("bids", 0, [bid(f"lost-{n}", price=-1) for n in range(3)])
    _run(place, "work", "")
    killed = _run(place, "deliver", "noted-first", alarms.url) == -signal.SIGKILL
    _run(place, "deliver", "", alarms.url)
    report.claim("noticed: its alert is lost", killed and not alarms.standing())


def _resolved(alarms: Alarms) -> set[str]:
    return {cause for cause, status in alarms.notified() if status == "resolved"}


def _number(batches: str) -> int:
    """How many batches an alert names: `bids/1, bids/2 and 30 more`."""
    more = re.search(r" and (\d+) more$", batches)
    return len(re.findall(r"\w+/\d+", batches)) + (int(more[1]) if more else 0)


def _run(place: CheckedPlace, what: str, kill: str, url: str = "") -> int:
    """A process of its own, as Dagster's would be; its exit code, negative if it was killed."""
    process = FORKS.Process(target=work_or_deliver, args=(place, what, kill, url))
    process.start()
    process.join(PROCESS_SECONDS)
    code = process.exitcode
    if code not in (0, -signal.SIGKILL):
        process.kill()
        raise RuntimeError(f"{what} {kill}: ended with {code}")
    return code
