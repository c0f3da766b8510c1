"""kill -9 at every failpoint, of the daemon and of the broker: the clean run's content; a zombie commits nowhere.

Three parts. (1) A worker on a real broker and a real Postgres ends itself by kill -9 at each point of the one list
`Failpoint`, at least three times each. (2) In a running instance the daemon and the broker are killed at 20 random
moments while events come. (3) A worker is stopped past its lock, a new owner comes that has nothing to write, and the
first is woken up.
"""

import random
import tempfile
from pathlib import Path

from analytics_platform.facts import Failpoint
from analytics_platform_tests.brokers import Kafka, Postgres, running_kafka, running_postgres
from analytics_platform_tests.proofs.hurt_instance import HurtInstance
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.proofs.scenarios import Content, Scenario, produce, table_content

EVENTS = 3_000
BATCH_ROWS = 60
HITS = 3
LATEST_HIT = 8
KILLS = 20
SHARES = {"late": 0.05, "duplicates": 0.03, "conflicts": 0.02, "malformed": 0.02, "out-of-order": 0.05}


def prove(report: Report) -> None:
    """All three parts; each compares with a run that nothing disturbed."""
    chance = random.Random(report.seed)
    with tempfile.TemporaryDirectory(prefix="path-2-") as place:
        folder = Path(place)
        with (
            running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
            running_postgres(folder / "postgres") as postgres,
        ):
            produce(kafka.bootstrap, folder / "truth", events=EVENTS, seed=report.seed, shares=SHARES)
            clean = _clean(report, Scenario(folder / "clean", kafka, postgres))
            _failpoints(report, Scenario(folder / "hurt", kafka, postgres), clean, chance)
            _zombies(report, folder, kafka, postgres, clean)
            _control(report, Scenario(folder / "control", kafka, postgres))
        _daemon_and_broker(report, folder, chance)


def _clean(report: Report, scenario: Scenario) -> Content:
    with scenario.ledger():
        report.step(f"a clean run over {EVENTS} events, batches of {BATCH_ROWS} rows")
        scenario.finish(BATCH_ROWS)
        content = table_content(scenario.tables)
    report.figure("clean content", content)
    report.claim("the clean run has rows in every table", all(rows for rows, _ in content.values()))
    return content


def _failpoints(report: Report, scenario: Scenario, clean: Content, chance: random.Random) -> None:
    hits = dict.fromkeys(Failpoint, 0)
    wanted = [point for point in Failpoint for _ in range(HITS)]
    chance.shuffle(wanted)
    with scenario.ledger():
        for point in wanted:
            hit = 1 if point is Failpoint.AFTER_EVENT else chance.randint(1, LATEST_HIT)
            report.step(f"kill -9 at {point}, time {hit}")
            said = scenario.work(point=point, hit=hit, batch_rows=BATCH_ROWS)
            hits[point] += said.get("point") == point
        scenario.finish(BATCH_ROWS)
        content = table_content(scenario.tables)
    report.figure("hits", {str(point): count for point, count in hits.items()})
    report.claim(f"every failpoint of the list was hit at least {HITS} times", min(hits.values()) >= HITS)
    report.claim("after all kills the tables are those of the clean run", content == clean)
    damaged = {**content, "bids/silver": (content["bids/silver"][0] - 1, content["bids/silver"][1])}
    report.claim("noticed: a row less in silver", damaged != clean)


def _zombies(report: Report, folder: Path, kafka: Kafka, postgres: Postgres, clean: Content) -> None:
    for point in (Failpoint.AFTER_FETCH, Failpoint.AFTER_PARQUET, Failpoint.AFTER_DIRTY):
        scenario = Scenario(folder / f"zombie-{point}", kafka, postgres)
        with scenario.ledger():
            report.step(f"a worker stops at {point}, loses its lock, and a new owner with nothing to write comes")
            outcome = scenario.zombie(point, batch_rows=BATCH_ROWS)
            report.figure(f"zombie {point}", outcome.as_json())
            report.claim(f"{point}: the new owner put its epoch on every table", outcome.is_stamped)
            report.claim(f"{point}: the woken worker committed to no table", outcome.before == outcome.after)
            report.claim(f"{point}: it was told that it is fenced ({outcome.causes})", "FencedError" in outcome.causes)
            scenario.finish(BATCH_ROWS)
            report.claim(
                f"{point}: then the tables are those of the clean run", table_content(scenario.tables) == clean
            )


def _control(report: Report, scenario: Scenario) -> None:
    """The same without a new owner: if this committed nothing either, the zombies would prove nothing."""
    with scenario.ledger():
        report.step("the same worker, woken while nobody has taken over")
        outcome = scenario.zombie(Failpoint.AFTER_FETCH, batch_rows=BATCH_ROWS, takes_over=False)
    report.claim("noticed: a woken worker that nobody fenced off commits", outcome.before != outcome.after)


def _daemon_and_broker(report: Report, folder: Path, chance: random.Random) -> None:
    instance = HurtInstance(folder / "instance", report, seed=report.seed, shares=SHARES)
    clean = instance.clean_content()
    with instance.running():
        instance.start_producing()
        for number in range(1, KILLS + 1):
            instance.kill_at_a_random_moment(number, chance)
        instance.drain()
        content = table_content(instance.tables)
    report.figure("kills", dict(instance.kills))
    report.claim(f"{KILLS} kills, of both", sum(instance.kills.values()) == KILLS and min(instance.kills.values()) > 4)
    report.claim("each came while events were still to be published", not instance.idle_kills)
    differing = [name for name in clean if content.get(name) != clean[name]]
    report.claim(f"the tables are those of a clean run {differing or ''}".rstrip(), content == clean)
