"""A native backfill of three hours while 2,000 events a second stream, before and after the log was compacted.

It runs what is committed, in a clone: the changed row rule is a changed declaration there, and a restart.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from deltalake import DeltaTable

from analytics_platform_tests.proofs.health import await_healthy
from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.proofs.watched_instance import (
    Backfill,
    await_true,
    backfill,
    batches_of,
    content,
    freshness_p95,
    make_hours,
    read,
    set_planner,
    table_root,
)
from analytics_platform_tests.stock import Address, stock

STREAMS = ("auctions", "bids", "persons")
RATE, HOURS, HOUR_SECONDS = 2000, 3, 20.0
BEFORE_SECONDS = 120.0  # of streaming with two leases' hand-overs, to know how fresh it is without a backfill
BACKFILL_SECONDS, COMPACTION_SECONDS = 600.0, 240.0
RULE, STRICTER = 'holds="price > 0"', 'holds="price % 16 > 0"'
BROKEN_BY = "price % 16 = 0"  # few enough that what is left keeps its contract
FIRST_OFFSETS = 20_000  # of each partition: all of them were read in the hours made
COMPACTING = {
    "cleanup.policy": "compact",
    "segment.ms": "2000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "2000",
}
LOSERS = "select count(*) from rows where outcome in ('duplicate', 'conflict') and batch in ({})"
IDLE = "select count(*) from pg_stat_activity where application_name like 'run %'"
REVISIONS = "select count(*) from manifest where stream = %s and number = any(%s) and revision > 1"
Content = dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The instance, its three hours, what they hold, and how fresh bids are while nothing is judged again."""

    instance: DrivenInstance
    hours: Sequence[datetime]
    first: Content
    calm_p95: float


def prove(report: Report) -> None:
    """Make hours, stream, and judge the hours again in every way there is; twice."""
    with tempfile.TemporaryDirectory(prefix="path-5-") as folder:
        instance = _instance(Path(folder))
        try:
            made = _make(report, instance)
            _judge_again(report, made, "before compaction")
            _compact(report, made)
            _judge_again(report, made, "after compaction")
        finally:
            report.step("ap down")
            instance.ap("down")


def _instance(folder: Path) -> DrivenInstance:
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(clone / "analytics_platform")], check=True)
    since = datetime.now(UTC) - timedelta(hours=HOURS + 1)
    settings = {"AP_SINCE": since.replace(minute=0, second=0, microsecond=0).isoformat()}
    jars = ROOT / ".state" / "jars"
    return DrivenInstance(clone=clone, state_dir=clone / ".state", jars=jars, base_port=4900, settings=settings)


def _make(report: Report, instance: DrivenInstance) -> Made:
    report.step("starts without events, and turns the planner's sensor off")
    instance.up("--no-producer")
    set_planner(instance, on=False)
    instance.ap("down")
    report.step(f"streams {RATE} events a second; {HOURS} hours by leases whose planner's clock is injected")
    instance.up("--rate", str(RATE))
    await_true(lambda: _is_idle(instance), 60, "the planner's last run to end")
    hours = make_hours(instance, HOURS, HOUR_SECONDS)
    report.figure("hours", [f"{hour:%H:%M}" for hour in hours])
    rows = {table: count for table, (count, _) in content(instance, STREAMS, hours).items()}
    report.figure("rows of these hours", rows)
    report.figure("batches of these hours", {s: len(batches_of(instance, s, hours)) for s in STREAMS})
    report.claim("each of the hours has batches of bids", all(batches_of(instance, "bids", [hour]) for hour in hours))
    began = datetime.now(UTC)
    set_planner(instance, on=True)
    await_healthy(instance, began, 180)
    report.step(f"streams for {BEFORE_SECONDS:.0f} s")
    calm_since = datetime.now(UTC)
    pause(BEFORE_SECONDS)
    p95, count = freshness_p95(instance, "bids", calm_since, datetime.now(UTC))
    report.figure("freshness of bids without a backfill, p95 in seconds", p95)
    report.figure("of so many rows", count)
    return Made(instance=instance, hours=hours, first=content(instance, STREAMS, hours), calm_p95=p95)


def _judge_again(report: Report, made: Made, when: str) -> None:
    _same_versions(report, made, when)
    _changed_rule(report, made, when)
    _deleted_files(report, made, when)


def _same_versions(report: Report, made: Made, when: str) -> None:
    instance, before = made.instance, _revisions(made)
    done = _backfill(report, made, f"{when}, same versions")
    report.claim(f"{when}: same versions, no batch changes", holds=_changed(done) == 0)
    report.claim(f"{when}: same versions, no manifest is added", holds=_revisions(made) == before)
    report.claim(f"{when}: same versions, the same content", content(instance, STREAMS, made.hours) == made.first)


def _changed_rule(report: Report, made: Made, when: str) -> None:
    instance, numbers = made.instance, batches_of(made.instance, "bids", made.hours)
    query = f"select count(*) from rows where {BROKEN_BY} and batch in ({', '.join(map(str, numbers))})"
    breaking = read(instance, "bids/silver", query)[0][0]
    losers = read(instance, "bids/exceptions", LOSERS.format(", ".join(map(str, numbers))))[0][0]
    report.figure(f"{when}: published rows that the stricter rule refuses", breaking)
    _declare(report, instance, RULE, STRICTER)
    done = _backfill(report, made, f"{when}, stricter rule")
    removed = _sum(done, "bids/silver", "rows removed")
    report.figure(
        f"{when}: rows removed, of them copies that had won for the time of a chunk", [removed, removed - breaking]
    )
    report.claim(f"{when}: the diff is shown", holds=0 < breaking <= removed <= breaking + losers)
    report.claim(f"{when}: the rows are rewritten", holds=read(instance, "bids/silver", query)[0][0] == 0)
    found = content(instance, STREAMS, made.hours)
    report.claim(
        f"{when}: other streams are untouched", all(found[t] == made.first[t] for t in found if "bids" not in t)
    )
    _declare(report, instance, STRICTER, RULE)
    done = _backfill(report, made, f"{when}, first rule again")
    report.claim(f"{when}: and back again", holds=_sum(done, "bids/silver", "rows added") >= breaking)
    report.claim(f"{when}: with the first hash", content(instance, STREAMS, made.hours) == made.first)


def _deleted_files(report: Report, made: Made, when: str) -> None:
    instance, numbers = made.instance, batches_of(made.instance, "bids", made.hours)
    table = DeltaTable(str(table_root(instance, "bids/silver")))
    added = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    files = [a["path"] for a in added if a["min.batch"] <= numbers[-1] and a["max.batch"] >= numbers[0]]
    for path in files:
        (table_root(instance, "bids/silver") / path).unlink()
    report.figure(f"{when}: files of bids/silver deleted by hand", len(files))
    _backfill(report, made, f"{when}, deleted files", is_live_whole=False)
    report.claim(f"{when}: deleted files are rebuilt", content(instance, STREAMS, made.hours) == made.first)


def _backfill(report: Report, made: Made, what: str, *, is_live_whole: bool = True) -> Backfill:
    """One native backfill; that it ended well, as a run of the right kind, and that live batches stayed fresh.

    Where live batches cannot go on before it, since files of silver are gone, only how fresh they were is told.
    """
    report.step(f"native backfill of {HOURS} hours of all assets: {what}")
    since = datetime.now(UTC)
    done = backfill(made.instance, made.hours, BACKFILL_SECONDS)
    pause(2)  # for what was read while it ended
    p95, rows = freshness_p95(made.instance, "bids", since, datetime.now(UTC))
    report.figure(f"{what}: seconds, p95 freshness, rows", [done.seconds, p95, rows])
    report.claim(f"{what}: its runs succeed", holds=set(done.statuses) == {"SUCCESS"})
    named = all("platform/order" in tags and "backfill" in tags.get("platform/why", "") for tags in done.tags)
    report.claim(
        f"{what}: they are Dagster's own, and say why they are there", named and set(done.jobs) == {"__ASSET_JOB"}
    )
    if is_live_whole:
        report.claim(f"{what}: p95 freshness is at most twice that before", holds=p95 <= 2 * made.calm_p95)
    return done


def _declare(report: Report, instance: DrivenInstance, old: str, new: str) -> None:
    """Another row rule in the clone, and a restart."""
    path = instance.clone / "analytics_platform" / "products" / "bids.py"
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{path} does not say {old} once")
    path.write_text(text.replace(old, new))
    report.step(f"declares {new}, and starts again")
    instance.ap("down")
    began = datetime.now(UTC)
    instance.up("--rate", str(RATE))
    await_healthy(instance, began, 180)


def _compact(report: Report, made: Made) -> None:
    """Have Kafka's cleaner compact the topics, and wait until records of the hours are gone."""
    instance = made.instance
    bootstrap = instance.kafka()
    report.step("has the broker compact its topics, and waits until that shows")
    before = _records(bootstrap, "bids")
    admin = AdminClient(stock(bootstrap))
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in COMPACTING.items()
    ]
    wanted = [ConfigResource(ConfigResource.Type.TOPIC, s, incremental_configs=entries) for s in STREAMS]
    for answer in admin.incremental_alter_configs(wanted).values():
        answer.result()
    await_true(lambda: _records(bootstrap, "bids") < before * 0.9, COMPACTION_SECONDS, "the cleaner to remove records")
    after = _records(bootstrap, "bids")
    report.figure(f"records among the first {FIRST_OFFSETS:,} offsets of each partition of bids", [before, after])
    report.claim("the cleaner has removed records of the hours", holds=after < before)


def _records(bootstrap: Address, topic: str) -> int:
    """How many records the first offsets of each partition still have."""
    options = {
        **stock(bootstrap),
        "group.id": "proof",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer, count = Consumer(options), 0
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        for partition in partitions:
            count += _of_partition(consumer, TopicPartition(topic, partition, 0))
    finally:
        consumer.close()
    return count


def _of_partition(consumer: Consumer, start: TopicPartition) -> int:
    consumer.assign([start])
    count = 0
    while True:
        for message in consumer.consume(5_000, timeout=5) or [None]:
            if message is None or message.error() or message.offset() >= FIRST_OFFSETS:
                return count
            count += 1


def _is_idle(instance: DrivenInstance) -> bool:
    with instance.ledger() as ledger:
        row = ledger.execute(IDLE).fetchone()
    return row is not None and row[0] == 0


def _revisions(made: Made) -> dict[str, int]:
    """By stream, how many later revisions the manifests of the hours have."""
    with made.instance.ledger() as ledger:
        found = {
            s: ledger.execute(REVISIONS, [s, batches_of(made.instance, s, made.hours)]).fetchone() for s in STREAMS
        }
    return {stream: row[0] if row else -1 for stream, row in found.items()}


def _changed(done: Backfill) -> int:
    return sum(int(told.get("batches changed") or 0) for told in done.told.values())


def _sum(done: Backfill, asset: str, label: str) -> int:
    return sum(int(told.get(label) or 0) for (name, _), told in done.told.items() if name == asset)
