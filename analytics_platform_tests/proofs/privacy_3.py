"""Who is erased stays unreadable, whatever is restored, judged again or read again; everybody else is as before.

A running instance of a fresh clone with names encrypted. Three people are watched: Ana, whom a foreign producer wrote
in the clear; Hal, whom the auction house protected before he left it; and Ben, who is not erased. After each thing that
might bring somebody back, tables are read by `ap`, by stock readers at every version, and by a thief who has the keys.
"""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.key_thief import keys_in, opened
from analytics_platform_tests.proofs.persons_found import ciphertexts_of, files_with, holds, places
from analytics_platform_tests.proofs.persons_in_the_clear import ForeignPersons, person
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.watched_instance import await_true
from analytics_platform_tests.proofs.watched_people import (
    ANA,
    BEN,
    RATE,
    Watched,
    count,
    duplicate,
    erase,
    key_of,
    query_of_all,
    revealed,
    shown,
)

BASE_PORT = 5600
WAIT_SECONDS, ENOUGH_PERSONS = 240.0, 200
POLICY = "tags: {person: keep, name: encrypt, email: tokenise, payment: mask, address: keep}\n"
PERSONS_SCHEMA, NEXT_SCHEMA = 3, 4  # the next one is given by the registry, to whoever asks first
FIELDS = ("persons.name",)
LATER = 3  # events about Ana after she was erased


def prove(report: Report) -> None:
    """Erase two people, then try everything that might bring them back."""
    chance = random.Random(report.seed)
    with cloned_instance(report, BASE_PORT) as instance:
        names = {who: f"Canary {_word(chance)}" for who in (ANA, BEN)}
        watched = Watched(report, instance, names)
        report.figure("seed", report.seed)
        _fill(watched)
        _copy(watched)
        _erase(watched)
        _later_events(watched)
        _judge_again(watched)
        _read_kafka_again(watched)
        _restore(watched, watched.instance.state_dir, "the state folder of before, Postgres and Kafka in it")
        _restore(watched, watched.keys, "the key folder of before")
        _planted(watched)


def _word(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=14)).capitalize()


def _fill(watched: Watched) -> None:
    schemas = watched.instance.clone / "schemas"
    (schemas / "privacy.yaml").write_text(POLICY)
    about = schemas / "persons" / "subject.yaml"
    about.write_text(f"subject: id\n{about.read_text()}")
    watched.report.step(f"ap up, {RATE} events a second, {POLICY.strip()}")
    watched.up()
    foreign = ForeignPersons(watched.instance.kafka())
    for who, name in watched.names.items():
        for _ in range(2):
            foreign.send(PERSONS_SCHEMA, person(who, name))
    foreign.send(NEXT_SCHEMA, person(ANA, watched.names[ANA]))
    watched.report.step(f"until Ana, Ben and {ENOUGH_PERSONS} others are in silver")
    await_true(lambda: count(watched, f"id in ({ANA}, {BEN})") == 4, WAIT_SECONDS, "Ana and Ben")
    await_true(lambda: count(watched, "true") > ENOUGH_PERSONS, WAIT_SECONDS, "persons")
    house = "select id from persons where id < 900000 order by id limit 50"
    watched.hal = random.Random(watched.report.seed).choice(watched.instance.told("sql", house))["id"]
    clear = revealed(watched)
    watched.names[watched.hal] = str(clear[watched.hal][0])
    watched.report.claim(
        "before, a steward reads all three names in the clear",
        holds=clear == {who: (name, False) for who, name in watched.names.items()},
    )


def _copy(watched: Watched) -> None:
    """Stop it, and keep what it has; the cut of then is asked for later."""
    watched.cut = datetime.now(UTC).isoformat(timespec="seconds")
    watched.ids = {who: key_of(watched, who) for who in watched.names}
    watched.before = places(watched.instance)
    watched.report.step("ap down; the state folder and the key folder are copied; ap up")
    watched.instance.ap("down")
    for folder in (watched.instance.state_dir, watched.keys):
        duplicate(folder, watched.copy(folder))
    watched.up()


def _erase(watched: Watched) -> None:
    watched.report.step("ap privacy erase, for Ana and for Hal")
    for who in watched.erased:
        done = erase(watched, who)
        watched.report.claim(f"{who} had a key", holds=done == {"subject": watched.ids[who], "had_a_key": True})
    _look(watched, "after the erasure", at_the_cut=True)


def _later_events(watched: Watched) -> None:
    watched.report.step(f"{LATER} later events about Ana, and one about Ben")
    foreign = ForeignPersons(watched.instance.kafka())
    events = [foreign.send(PERSONS_SCHEMA, person(ANA, watched.names[ANA])) for _ in range(LATER)]
    foreign.send(PERSONS_SCHEMA, person(BEN, watched.names[BEN]))
    await_true(lambda: count(watched, f"id in ({ANA}, {BEN})") == 5 + LATER, WAIT_SECONDS, "later events")
    rows = watched.instance.told("sql", f"select event_id, name from persons where id = {ANA}")
    tokens = {row["name"] for row in rows if row["event_id"] in events}
    watched.report.claim("they are kept as one and the same token", holds=len(tokens) == 1 and "tok_" in str(tokens))
    _look(watched, "after later events")


def _judge_again(watched: Watched) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    first, end = (f"{at:%Y-%m-%dT%H:%M}" for at in (hour - timedelta(hours=3), hour + timedelta(hours=1)))
    watched.report.step(f"ap backfill persons, {first} to {end}")
    done = watched.instance.told("backfill", "persons", "--from", first, "--to", end, "--reason", "a proof")
    watched.report.figure("backfill", done)
    _look(watched, "after a backfill")
    watched.report.step("the schema of Ana's sealed record is registered; ap quarantine redrive")
    client = SchemaRegistryClient({"url": watched.instance.registry_url()})
    text = json.loads(str(client.get_latest_version("persons-value").schema.schema_str))
    text["description"] += " Whoever registers again is another person."
    given = client.register_schema_full_response("persons-value", Schema(json.dumps(text), "JSON")).schema_id
    watched.report.claim("it has the id that the record was written with", holds=given == NEXT_SCHEMA)
    watched.instance.told("quarantine", "redrive", "--stream", "persons", "--reason", "a proof")
    await_true(lambda: count(watched, f"id = {ANA}") == 3 + LATER, WAIT_SECONDS, "the redriven record")
    _look(watched, "after a redrive", redriven=1)


def _read_kafka_again(watched: Watched) -> None:
    """Bronze is damaged where somebody is whom the topic has protected; then where Ana is, whom it has in the clear."""
    (newest,) = watched.instance.told("sql", "select max(id) as id from persons where id < 900000")
    key = key_of(watched, newest["id"])
    erase(watched, newest["id"])
    done = _lose(watched, f"{newest['id']}, who is erased by now", key, without=watched.ids[ANA])
    watched.report.claim("their bytes come from Kafka as they were", holds=done.returncode == 0)
    _look(watched, "after reading Kafka again", redriven=1)
    done = _lose(watched, "Ana", watched.ids[ANA])
    is_refused = done.returncode == 1 and "what Kafka has now is not what was landed" in done.stderr
    watched.report.claim("refused by their range: they would be other bytes", holds=is_refused)
    _look(watched, "after Kafka was not read again", redriven=1)


def _lose(watched: Watched, who: str, key: str, without: str = "") -> CompletedProcess[str]:
    """Take away bronze's files with somebody, and repair; what is not repaired is put back."""
    files = files_with(watched.tables / "persons/bronze", key, without)
    watched.report.step(f"{len(files)} files of bronze with {who} are lost; ap table repair --from kafka")
    watched.report.claim("there are such files", holds=bool(files))
    aside = {file: file.rename(file.with_suffix(".aside")) for file in files}
    done = watched.instance.ap("table", "repair", "persons/bronze", "--from", "kafka")
    watched.report.figure("it says", (done.stdout + done.stderr).strip()[-400:])
    for file, lost in aside.items():
        lost.unlink() if done.returncode == 0 else lost.rename(file)
    await_true(lambda: count(watched, "true") > 0, WAIT_SECONDS, "a cut without the lost files")
    return done


def _restore(watched: Watched, folder: Path, what: str) -> None:
    """Put a copy of before in a folder's place and start; afterwards the newer one is back."""
    watched.report.step(f"ap down; restored: {what}; ap up")
    is_state = folder == watched.instance.state_dir
    watched.instance.ap("down")
    newer = folder.with_name(f"{folder.name}-newer")
    folder.rename(newer)
    duplicate(watched.copy(folder), folder)
    watched.up()
    await_true(
        lambda: count(watched, f"id = {ANA}") > 2, WAIT_SECONDS, "the sealed record, whose schema git has by now"
    )
    _look(watched, f"restored: {what}", at_the_cut=is_state, redriven=1)
    with watched.instance.ledger() as ledger:
        facts = {subject for (subject,) in ledger.execute("select subject from erasure").fetchall()}
    watched.report.claim("the ledger says who is erased", holds={watched.ids[who] for who in watched.erased} <= facts)
    watched.instance.ap("down")
    shutil.rmtree(folder)
    newer.rename(folder)
    watched.up()


def _look(watched: Watched, when: str, *, at_the_cut: bool = False, redriven: int = 0) -> None:
    """All that must hold of the three, and of all others."""
    report, (ana, hal) = watched.report, watched.erased
    wanted = {ana: (None, True), hal: (None, True), BEN: (watched.names[BEN], False)}
    found = revealed(watched)
    report.claim(
        f"{when}: NULL and _erased for two, Ben in the clear {found if found != wanted else ''}", found == wanted
    )
    if at_the_cut:
        then = shown(watched.instance.told("sql", query_of_all(watched), "--at", watched.cut))
        report.claim(
            f"{when}: the same at the cut of before",
            {k: v for k, v in then.items() if k != BEN} == dict.fromkeys(watched.erased, (None, True)),
        )
    held = ciphertexts_of(watched.tables / "persons/silver", watched.ids)
    keys = keys_in(watched.keys)
    opens = {who: {opened(text, keys, FIELDS) for text in held[name]} for who, name in watched.ids.items()}
    report.figure(f"{when}: ciphertexts at all versions", {who: len(held[name]) for who, name in watched.ids.items()})
    report.claim(f"{when}: no key that there is opens one of theirs", opens[ana] | opens[hal] == {None})
    report.claim(f"{when}: Ben's opens", opens[BEN] == {watched.names[BEN]})
    report.claim(f"{when}: no new key for them", not {watched.ids[who] for who in watched.erased} & keys.keys())
    names = [watched.names[who].split()[1].encode() for who in (ana, BEN)]
    clear = holds(watched.tables, names)
    report.claim(f"{when}: no table holds a name in the clear {clear or ''}", not clear)
    _reconcile(watched, when, redriven)


def _reconcile(watched: Watched, when: str, redriven: int) -> None:
    """Every record of before has the outcome of before, but those that were redriven; nothing is counted twice."""
    now = places(watched.instance)
    kept = {place for place in watched.before if place in now}
    were = {place: watched.before[place].outcome for place in kept}
    moved = {place: f"{was} to {now[place].outcome}" for place, was in were.items() if was != now[place].outcome}
    others = sum(
        now[place].name != watched.before[place].name
        for place in kept
        if watched.before[place].subject not in watched.erased and now[place].outcome == watched.before[place].outcome
    )
    watched.report.figure(f"{when}: records compared", len(kept))
    watched.report.figure(f"{when}: records whose outcome has moved", moved)
    watched.report.claim(f"{when}: outcomes have not moved, but of {redriven}", len(moved) == redriven)
    watched.report.claim(f"{when}: nobody else's name is other bytes", others == 0)
    counted = "select (select count(*) from persons.bronze) - (select count(*) from persons) - (select count(*) from "
    (row,) = watched.instance.told("sql", counted + "persons.exceptions) as left_over")
    watched.report.claim(f"{when}: bronze is silver and exceptions", row["left_over"] == 0)


def _planted(watched: Watched) -> None:
    """An erasure that destroyed nothing would be seen: the keys of before open everything."""
    watched.report.step("a thief with the key folder of before")
    keys = keys_in(watched.copy(watched.keys))
    held = ciphertexts_of(watched.tables / "persons/silver", watched.ids)
    for who in watched.erased:
        found = {opened(text, keys, FIELDS) for text in held[watched.ids[who]]}
        watched.report.claim(
            f"noticed: {who}'s ciphertexts open with a key that is left", found == {watched.names[who]}
        )
