"""Replay, backfill, two runs with one seed, kill -9 in the middle: the same protected bytes and content hashes.

Persons come from the auction house and from a producer that writes each in its own way, in the clear, onto a real
broker; a policy uses every treatment. A worker ends itself by kill -9 at each failpoint while it makes their keys; a
second instance with a copy of the keys cuts the same log otherwise; re-executions and backfills are killed half-way;
the policy changes; bronze is lost and read from Kafka again; the same log comes protected at the source. All of it must
be one content, cell by cell, and `cryptography` alone opens it, or makes it again, value by value.
"""

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
from deltalake import DeltaTable

from analytics_platform.facts import Failpoint
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform.local.auction_house.options import read_topics
from analytics_platform.registry.folder import read_schemas
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform_tests.brokers import Kafka, running_postgres
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.proofs.broken_code import Fault, copied_code, plant
from analytics_platform_tests.proofs.foreign_persons import record_of, records_of
from analytics_platform_tests.proofs.privacy_faults import FAULTS, changed_bytes
from analytics_platform_tests.proofs.privacy_ground import (
    Ground,
    await_a_long_day,
    order,
    persons_with_keys,
    progress,
    send,
    sent_to,
)
from analytics_platform_tests.proofs.privacy_policies import FIRST, LATER
from analytics_platform_tests.proofs.protected_oracle import Log, Oracle
from analytics_platform_tests.proofs.protected_rows import (
    Found,
    State,
    differences,
    held_in,
    in_short,
    layers_apart,
    only,
    rows_in,
    state_of,
)
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.scenarios import STREAMS, Scenario, produce

EVENTS, PERSONS, LATER_PERSONS = 1_200, 700, 150
SHARES = {"late": 0.05, "duplicates": 0.03, "conflicts": 0.02, "malformed": 0.04, "out-of-order": 0.05}
SMALL, LARGE = 24, 170  # rows of a batch: too few to be decoded side by side, and enough
HITS, LATEST_HIT = 3, 4
TRIES = 6  # to kill a worker while an order is half done
TREATMENTS = ("keep", "tokenise", "mask", "drop", "encrypt", "seal", "key", "header")


def prove(report: Report) -> None:
    """The log in the clear, and all that may happen to it; then the same log protected at the source."""
    await_a_long_day(report)
    with tempfile.TemporaryDirectory(prefix="privacy-2-") as name, running_postgres(Path(name) / "pg") as postgres:
        ground = Ground(Path(name), postgres, report.seed)
        logs = ground.persons(PERSONS, report.seed)
        with ground.kafka("clear") as kafka:
            report.step("the auction house and a foreign producer send persons in the clear")
            produce(kafka.bootstrap, ground.folder / "truth", events=EVENTS, seed=report.seed, shares=SHARES)
            send(kafka, logs)
            sent = sent_to(kafka)
            state = _in_the_clear(report, ground, kafka, sent)
            _planted(report, ground, kafka, state)
        with ground.kafka("source") as kafka:
            _at_source(report, ground, kafka, logs, sent["persons"], state)


def _in_the_clear(report: Report, ground: Ground, kafka: Kafka, sent: Mapping[str, Log]) -> State:
    hurt = ground.scenario("hurt", kafka)
    with hurt.ledger():
        _kill(report, ground, hurt)
        state = state_of(hurt)
        report.figure("rows compared", {table: len(rows) for table, rows in state.rows.items()})
        report.figure("cells compared between any two runs", state.cells)
        report.figure("content hashes", state.hashes)
        _stands_for(report, ground, sent, state.rows, FIRST)
        _second_instance(report, ground, kafka, state)
        _replay(report, hurt, state)
        _change_policy(report, ground, kafka, hurt, state)
    return state


def _kill(report: Report, ground: Ground, scenario: Scenario) -> None:
    chance = random.Random(report.seed)
    hits, persons = dict.fromkeys(Failpoint, 0), []
    wanted = [point for point in Failpoint for _ in range(HITS)]
    chance.shuffle(wanted)
    for point in wanted:
        hit = 1 if point is Failpoint.AFTER_EVENT else chance.randint(1, LATEST_HIT)
        said = scenario.work(point=point, hit=hit, batch_rows=SMALL)
        hits[point] += said.get("point") == point
        persons.append(persons_with_keys(ground.keys))
        report.step(f"kill -9 at {point}, time {hit}; keys so far: {persons[-1]}")
    scenario.finish(SMALL)
    last = persons_with_keys(ground.keys)
    report.figure("kills", {str(point): count for point, count in hits.items()})
    report.figure("persons with a key", last)
    report.claim(f"every failpoint was hit at least {HITS} times", min(hits.values()) >= HITS)
    growing = len({count for count in persons if 0 < count < last})
    report.claim(f"keys were still being made while it was killed: {growing} kills between two", growing >= HITS)


def _stands_for(report: Report, ground: Ground, sent: Mapping[str, Log], found: Found, policy: dict[str, str]) -> None:
    """Each protected value stands for the one that was produced, by an oracle of its own."""
    report.step("open each ciphertext, and make each token, by cryptography alone")
    for stream in STREAMS:
        oracle = _oracle(ground, stream, policy)
        held = held_in(found, stream)
        if stream == "persons" or policy["person"] != "keep":
            problems = oracle.problems(sent[stream], held)
            report.figure(f"{stream}: values judged", dict(oracle.judged))
            report.claim(f"{stream}: bronze stands for what was sent {in_short(problems)}".rstrip(), not problems)
        else:
            report.claim(f"{stream}: nothing of it is personal, bronze is what was sent", held == sent[stream])
        problems = layers_apart(found, oracle)
        report.claim(f"{stream}: silver and exceptions hold the same {in_short(problems)}".rstrip(), not problems)
        if stream == "persons":
            report.claim(f"there was each of {', '.join(TREATMENTS)}", all(oracle.judged[how] for how in TREATMENTS))


def _second_instance(report: Report, ground: Ground, kafka: Kafka, state: State) -> None:
    keys = ground.copied_keys()
    report.step(f"a second instance with a copy of the keys, batches of {LARGE} instead of {SMALL}")
    scenario = ground.scenario("second", kafka, keys=keys)
    with scenario.ledger():
        scenario.finish(LARGE)
        _claim_same(report, "two instances", state, state_of(scenario))
    report.claim("it made no key", persons_with_keys(keys) == persons_with_keys(ground.keys))


def _replay(report: Report, scenario: Scenario, state: State) -> None:
    with psycopg.connect(scenario.dsn, autocommit=True) as ledger:
        for kind in (Kind.REEXECUTE, Kind.BACKFILL):
            report.step(f"{kind} of everything, and a worker that is killed half-way")
            half_done = 0
            for _ in range(TRIES):
                given = order(ledger, kind)
                scenario.kill_when(lambda given=given: progress(ledger, given).done > 0, batch_rows=SMALL)
                half_done += progress(ledger, given).state is OrderState.OPEN
                scenario.work(batch_rows=SMALL)
                done = progress(ledger, given)
                report.claim(f"{kind}: all {done.batches} batches are judged again", done.done == done.batches > 0)
                if half_done:
                    break
            report.claim(f"{kind}: a worker was killed with some batches done, and others not", half_done > 0)
            again = state_of(scenario)
            _claim_same(report, str(kind), state, again)
            report.claim(f"{kind}: each batch has its hash", again.batches == state.batches)


def _change_policy(report: Report, ground: Ground, kafka: Kafka, scenario: Scenario, state: State) -> None:
    report.step("another policy; more records, and a backfill of all that was there")
    send(kafka, ground.persons(LATER_PERSONS, report.seed + 1))
    scenario.settings = ground.settings(ground.later, ground.keys)
    with psycopg.connect(scenario.dsn, autocommit=True) as ledger:
        given = order(ledger, Kind.BACKFILL)
        scenario.work(batch_rows=SMALL)
        report.claim("the backfill is done", progress(ledger, given).state is OrderState.DONE)
    later = state_of(scenario)
    _claim_kept(report, "a backfill under another policy", state, later)
    old = state.rows["persons/bronze"].keys()
    new = {at: record for at, record in sent_to(kafka)["persons"].items() if at not in old}
    fresh = {at: record for at, record in held_in(later.rows, "persons").items() if at not in old}
    oracle = _oracle(ground, "persons", LATER)
    problems = oracle.problems(new, fresh)
    report.figure("persons under the later policy: values judged", dict(oracle.judged))
    is_kept = bool(new) and not problems
    report.claim(f"what came later is protected by the later policy {in_short(problems)}".rstrip(), is_kept)
    _lose_bronze(report, scenario, state, later)


def _lose_bronze(report: Report, scenario: Scenario, state: State, later: State) -> None:
    """A file of bronze that was landed under the first policy is lost, and Kafka asked again under the later one."""
    report.step("files of bronze are lost: ap table repair persons/bronze --from kafka")
    lost = DeltaTable(str(scenario.tables / "persons" / "bronze")).file_uris()
    for uri in lost:
        Path(uri.removeprefix("file://")).unlink()
    said = scenario.ap("table", "repair", "persons/bronze", "--from", "kafka")
    problem = said.stderr[-200:] if said.returncode else ""
    report.claim(f"{len(lost)} files came back {problem}".rstrip(), not said.returncode)
    _claim_kept(report, "bronze that Kafka gave again", state, state_of(scenario))
    problems = differences(later.rows, rows_in(scenario.tables))
    report.claim(f"and so are rows under the later policy {in_short(problems)}".rstrip(), not problems)


def _at_source(
    report: Report, ground: Ground, kafka: Kafka, logs: list[list[FakeRecord]], clear: Log, state: State
) -> None:
    report.step("the same log, protected at the source: by the auction house, and by whoever wraps their serializer")
    settings = ground.settings(ground.first, ground.keys)
    truth = ground.folder / "truth-source"
    produce(kafka.bootstrap, truth, events=EVENTS, seed=report.seed, shares=SHARES, settings=settings)
    topics = read_topics(ground.first, KeyFiles(ground.keys))
    (source,) = [topic.at_source for topic in topics if topic.at_source is not None]
    send(kafka, [[record_of(row) for row in source.records(records).to_pylist()] for records in records_of(logs)])
    sent = sent_to(kafka)["persons"]
    oracle = _oracle(ground, "persons", FIRST)
    needles = _personal(oracle, clear)
    report.claim(f"none of {len(needles):,} names, addresses and cards is on the topic", not _with_any(sent, needles))
    report.claim("noticed: they are, if sent in the clear", len(_with_any(clear, needles)) > PERSONS)
    scenario = ground.scenario("source", kafka)
    with scenario.ledger():
        scenario.finish(LARGE)
        _claim_same(report, "protected at the source", state, state_of(scenario))


def _planted(report: Report, ground: Ground, kafka: Kafka, state: State) -> None:
    """What would make all of this worthless must be noticed."""
    report.step("one byte changed")
    oracle = _oracle(ground, "persons", FIRST)
    sent = {at: record for at, record in sent_to(kafka)["persons"].items() if at in state.rows["persons/bronze"]}
    for where, changed in changed_bytes(state.rows):
        report.claim(f"noticed, in one cell: a byte of {where}", len(differences(state.rows, changed)) == 1)
        held = held_in(changed, "persons")
        problems = oracle.problems(sent, held) if "bronze" in where else layers_apart(changed, oracle)
        report.claim(f"noticed by the oracle: a byte of {where}", len(problems) == 1)
    _run_twice(report, ground, kafka, None)
    for fault in FAULTS:
        _run_twice(report, ground, kafka, fault)


def _run_twice(report: Report, ground: Ground, kafka: Kafka, fault: Fault | None) -> None:
    """Two runs of a copy of the code, with keys of their own and that fault in it."""
    name = "nothing" if fault is None else fault.name
    report.step(f"planted in a copy of the code: {name}")
    folder = ground.folder / f"planted-{name.replace(' ', '-')}"  # no space: stock readers want it as it is
    code, keys = copied_code(folder / "code"), folder / "keys"
    if fault is not None:
        plant(report, fault, code)
    states = []
    for rows in (SMALL, LARGE):
        scenario = ground.scenario(f"{folder.name}/{rows}", kafka, keys=keys, code=code)
        with scenario.ledger():
            scenario.finish(rows)
            states.append(state_of(scenario))
    one, other = states
    problems = differences(one.rows, other.rows)
    is_same = not problems and one.hashes == other.hashes and one.content == other.content
    if fault is None:
        report.claim(f"the copy is right before it is broken {in_short(problems)}".rstrip(), is_same)
    else:
        report.claim(f"noticed, in {len(problems):,} cells: {name}", bool(problems) and one.hashes != other.hashes)


def _claim_same(report: Report, what: str, one: State, other: State) -> None:
    problems = differences(one.rows, other.rows)
    report.claim(f"{what}: the same bytes in {one.cells:,} cells {in_short(problems)}".rstrip(), not problems)
    report.claim(f"{what}: the same content hashes by the manifests", one.hashes == other.hashes)
    report.claim(f"{what}: the same content by stock readers, models too", one.content == other.content)


def _claim_kept(report: Report, what: str, before: State, after: State) -> None:
    """What was there is so still, whatever has come since."""
    problems = differences(before.rows, only(after.rows, before.rows))
    report.claim(f"{what}: the same bytes in {before.cells:,} cells {in_short(problems)}".rstrip(), not problems)
    kept = {batch: after.batches.get(batch) for batch in before.batches}
    report.claim(f"{what}: each of {len(kept)} batches has its hash", kept == before.batches)


def _oracle(ground: Ground, stream: str, policy: dict[str, str]) -> Oracle:
    return Oracle(
        stream=stream, schema=read_schemas(ground.first, stream).reader, policy=policy, keys=KeyFiles(ground.keys)
    )


def _personal(oracle: Oracle, clear: Log) -> set[bytes]:
    """Every name, address and card that was sent."""
    bodies = [fields for record in clear.values() if (fields := oracle.fields(record.value))]
    return {fields[name].encode() for fields in bodies for name in ("name", "emailAddress", "creditCard")}


def _with_any(log: Log, needles: set[bytes]) -> list[tuple[int, int]]:
    """Which records have one of these in value, key or headers."""
    texts = {
        at: b"\n".join([r.value or b"", r.key or b"", *(name.encode() + (value or b"") for name, value in r.headers)])
        for at, r in log.items()
    }
    return [at for at, text in texts.items() if any(needle in text for needle in needles)]
