"""Bids and auctions interleaved and killed at every failpoint; a silent topic; a discarded winner; a held batch.

On a real broker, a real Postgres and real tables. Each auction's row and its bids arrive in different rounds, and the
worker is killed (-9) in each of them; the models must equal what plain Python makes of the records.
"""

import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from analytics_platform.definitions.hours import sum_hour
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.postgres import publication
from analytics_platform.ledger.rework import Kind
from analytics_platform.pipeline.models import is_due
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import BatchCheck
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import Kafka, Postgres, fresh_database, running_kafka, running_postgres
from analytics_platform_tests.pipeline.house import HOUSE, MINUTE, NOON, Clock, auction, bid, finish
from analytics_platform_tests.pipeline.ordered import rework
from analytics_platform_tests.pipeline.orders import content, rows
from analytics_platform_tests.proofs.house_lease import Place, work
from analytics_platform_tests.proofs.report import ROOT, Report

ROUNDS, PER_ROUND, HITS = 4, 12, 3
KILLED = -9
STEP, SIZE = 2 * MINUTE, 4 * MINUTE  # of the model `hot`


@dataclass(slots=True)
class Truth:
    """What was produced: auctions by number (opens, closes, kind), bids (auction, at, price); minutes after noon."""

    auctions: dict[int, tuple[float, float, int]] = field(default_factory=dict)
    bids: list[tuple[int, float, int]] = field(default_factory=list)

    def hot(self) -> Counter[Any]:
        """Bids by window and auction."""
        counts: Counter[Any] = Counter()
        for number, minute, _ in self.bids:
            at, start = NOON + minute * MINUTE, NOON + (minute // 2 * 2) * MINUTE
            for window in (start, start - STEP):
                counts[window, number] += window <= at < window + SIZE
        return +counts

    def wins(self) -> dict[int, int]:
        """The best price in time by auction."""
        best: dict[int, int] = {}
        for number, minute, price in self.bids:
            opens, closes, _ = self.auctions.get(number, (0.0, -1.0, 0))
            if opens <= minute <= closes:
                best[number] = max(price, best.get(number, 0))
        return best

    def kinds(self) -> dict[int, tuple[int, int]]:
        """Auctions won and what they brought, by kind."""
        wins, total = Counter(), Counter()
        for number, price in self.wins().items():
            wins[self.auctions[number][2]] += 1
            total[self.auctions[number][2]] += price
        return {kind: (wins[kind], total[kind]) for kind in wins}


def prove(report: Report) -> None:
    """Each part in a house of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="path-4-") as made,
        running_kafka(Path(made) / "kafka", read_settings().jar_dir) as kafka,
        running_postgres(Path(made) / "postgres") as postgres,
    ):
        for prove_part in (_write_skew, _silent_topic, _discarded_winner, _held_then_good):
            report.step((prove_part.__doc__ or "").strip().splitlines()[0])
            prove_part(report, Path(made), kafka, postgres)


def _write_skew(report: Report, folder: Path, kafka: Kafka, postgres: Postgres) -> None:
    """Bids before their auction, after it, and kills at every failpoint: the models equal the oracle."""
    hits: Counter[str] = Counter()
    clean: dict[str, int] = {}
    for point in ("", *Failpoint):
        with fresh_database(postgres) as dsn:
            place = Place(
                dsn=dsn, folder=folder / f"skew-{point}", bootstrap=kafka.bootstrap, suffix=f"skew-{point or 'clean'}"
            )
            place.create()
            truth = _interleave(report, place, point, hits)
            with place.parts() as parts:
                finish(parts)
                differences = _differences(parts, truth)
                found = content(parts)
                if not clean:
                    _planted_fault(report, parts, truth)
        clean = clean or found
        report.claim(
            f"killed {point or 'nowhere'}: models equal the oracle ({differences or 'no difference'})", not differences
        )
        report.claim(f"killed {point or 'nowhere'}: each table has the clean run's content", found == clean)
    report.figure("kills by failpoint", dict(hits))
    report.claim(f"every failpoint killed at least {HITS} times", all(hits[point] >= HITS for point in Failpoint))


def _interleave(report: Report, place: Place, point: str, hits: Counter[str]) -> Truth:
    """Rounds of records, each followed by a lease that is killed at the point, and by one that goes on."""
    truth, chance = Truth(), random.Random(report.seed)
    for number in range(ROUNDS):
        _produce(place, truth, chance, number)
        code = _lease(place, f"{point}:{1 + number % 2}" if point else "")
        hits[point] += code == KILLED
        if code not in (0, KILLED):
            report.claim(f"a lease ends or is killed, not {code}", holds=False)
    assert _lease(place, "") == 0
    return truth


def _produce(place: Place, truth: Truth, chance: random.Random, round_number: int) -> None:
    """Bids on auctions of this round, the next and the one before: a third of them are there before their auction."""
    first = round_number * PER_ROUND
    for number in range(first, first + PER_ROUND):
        opens, closes = round_number * 5.0, round_number * 5.0 + chance.uniform(1, 9)
        kind = chance.randint(1, 3)
        truth.auctions[number] = (opens, closes, kind)
        place.append("auctions", number % 2, [auction(number, opens=opens, closes=closes, kind=kind)])
    for count in range(3 * PER_ROUND):
        number = chance.randint(max(0, first - PER_ROUND), first + 2 * PER_ROUND - 1)
        minute, price = round_number * 5 + chance.uniform(0, 5), chance.randint(1, 99)
        truth.bids.append((number, minute, price))
        place.append("bids", number % 2, [bid(f"{round_number}-{count}", number, at=minute, price=price)])


def _lease(place: Place, kill: str) -> int:
    """A lease in a process of its own; returns its exit code."""
    module = [sys.executable, "-m", "analytics_platform_tests.proofs.house_lease"]
    where = ["--dsn", place.dsn, "--folder", str(place.folder), "--bootstrap", place.bootstrap]
    asked = [*module, *where, "--suffix", place.suffix, "--kill", kill]
    return subprocess.run(asked, cwd=ROOT, check=False, capture_output=True).returncode


def _differences(parts: Parts, truth: Truth) -> list[str]:
    hot = Counter({(row["start"], row["auction"]): row["bids"] for row in rows(parts, "hot").to_pylist()})
    wins = {row["id"]: row["price"] for row in rows(parts, "wins").to_pylist()}
    kinds = {row["kind"]: (row["wins"], row["total"]) for row in rows(parts, "kinds").to_pylist()}
    pairs = {"hot": (hot, truth.hot()), "wins": (wins, truth.wins()), "kinds": (kinds, truth.kinds())}
    return [
        f"{name} has {len(found)} rows, not {len(wanted)}, or others"
        for name, (found, wanted) in pairs.items()
        if found != wanted
    ]


def _planted_fault(report: Report, parts: Parts, truth: Truth) -> None:
    """The comparison notices a single bid that is not counted."""
    hurt = replace(truth, bids=truth.bids[:-1])
    report.claim("planted: a bid that is counted and was not made is a difference", bool(_differences(parts, hurt)))


def _silent_topic(report: Report, folder: Path, kafka: Kafka, postgres: Postgres) -> None:
    """An auction expires on a topic where nothing comes any more: its winner appears by the clock."""
    idle, clock = HOUSE.stream("bids").idle_after, Clock(NOON + 2 * MINUTE)
    with fresh_database(postgres) as dsn:
        place = Place(dsn=dsn, folder=folder / "silent", bootstrap=kafka.bootstrap, suffix="silent")
        place.create()
        place.append("bids", 0, [bid("a", price=3), bid("b", price=7)])
        place.append("auctions", 0, [auction(closes=5)])
        with place.parts(now=clock) as parts:
            work(parts, "first")
            report.claim(
                "an auction that is open has no winner", not rows(parts, "wins").num_rows and not is_due(parts)
            )
            clock.at = NOON + 5 * MINUTE + idle - timedelta(microseconds=1)
            report.claim("a moment before its close nothing is due", not is_due(parts))
            clock.at += timedelta(microseconds=1)
            report.claim("at its close a cycle without batches is due", is_due(parts))
            work(parts, "second")
            report.claim("its winner is there", [r["price"] for r in rows(parts, "wins").to_pylist()] == [7])


def _discarded_winner(report: Report, folder: Path, kafka: Kafka, postgres: Postgres) -> None:
    """First copy published, second dropped, first discarded: the event is in silver, and the models follow."""
    with fresh_database(postgres) as dsn:
        place = Place(dsn=dsn, folder=folder / "discard", bootstrap=kafka.bootstrap, suffix="discard")
        place.create()
        place.append("auctions", 0, [auction(closes=5)])
        with place.parts() as parts:
            for number, records in enumerate(([bid("a", price=9)], [bid("a", price=4)], [bid("a", price=9)])):
                place.append("bids", 0, records)
                work(parts, f"live {number}")
            finish(parts)
            report.claim("the first copy wins", _won(parts) == [9] and _outcomes(parts) == ["conflict", "duplicate"])
            done = rework(parts, Kind.DISCARD, 1, stream="bids")
            silver = rows(parts, "bids/silver").to_pylist()
            report.claim("the order is done", done.state == "done")
            report.claim("the second copy is in silver", [row["offset"] for row in silver] == [1])
            report.claim("the third is in conflict with it", _outcomes(parts) == ["conflict", "discarded"])
            report.claim("the models have the second's price", _won(parts) == [4])
            rework(parts, Kind.RELEASE, 1, stream="bids")
            report.claim(
                "released, all is as it was", _won(parts) == [9] and _outcomes(parts) == ["conflict", "duplicate"]
            )


def _held_then_good(report: Report, folder: Path, kafka: Kafka, postgres: Postgres) -> None:
    """A held batch, then a good one in the same hour: the hour's check is red until the first is released."""
    cheap = BatchCheck(name="cheap", holds="max(price) < 1000", description="no bid of a thousand")
    with fresh_database(postgres) as dsn:
        place = Place(dsn=dsn, folder=folder / "held", bootstrap=kafka.bootstrap, suffix="held")
        place.create()
        with place.parts() as made:
            streams = [replace(s, checks=(cheap,) if s.name == "bids" else ()) for s in made.pipeline.streams]
            parts = replace(made, pipeline=replace(made.pipeline, streams=tuple(streams)))
            place.append("auctions", 0, [auction(closes=5)])
            for number, price in enumerate((5000, 7)):
                place.append("bids", 0, [bid(f"held-{number}", price=price)])
                work(parts, f"live {number}")
            finish(parts)
            report.claim("the good batch is published", _won(parts) == [7] and _outcomes(parts) == ["held"])
            report.claim("the hour is red, and names the held batch", _failing(parts) == ("bids/1",))
            rework(parts, Kind.RELEASE, 1, stream="bids")
            report.claim("released, the hour is green", _failing(parts) == ())
            report.claim("and its bid wins", _won(parts) == [5000] and _outcomes(parts) == [])


def _won(parts: Parts) -> list[int]:
    return [row["price"] for row in rows(parts, "wins").to_pylist()]


def _outcomes(parts: Parts) -> list[str]:
    return sorted(row["outcome"] for row in rows(parts, "bids/exceptions").to_pylist())


def _failing(parts: Parts) -> tuple[str, ...]:
    """The batches for which the check `cheap` of the hour is red."""
    hours: list[datetime] = [row[0] for row in parts.ledger.execute("select distinct hour from batch").fetchall()]
    manifests = publication.manifests_of_hours(parts.ledger, ["bids"], hours)
    return next(check.failing for check in sum_hour(manifests).checks if check.check == "cheap")
