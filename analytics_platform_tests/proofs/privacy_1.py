"""Canaries through the whole demo under each policy, then a search of all that is kept or shown: none in the clear.

Four rounds of a running instance; each treats e-mail addresses, names and cards in another way. Declared places are the
partitions that a foreign producer writes to, where each canary must be found, and what the auction house keeps of its
own. Every kind of place is searched again with a canary planted in it; and each protection is turned off once.
"""

import os
import re
import resource
import secrets
import signal
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_platform_tests.alerts.receivers import Received, http_receiver
from analytics_platform_tests.proofs import privacy_controls
from analytics_platform_tests.proofs import privacy_places as places
from analytics_platform_tests.proofs.browser import browsing
from analytics_platform_tests.proofs.canaries import Canaries, drawn
from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.privacy_demo import (
    FIELDS,
    FOREIGN,
    PER_ROUND,
    TREATMENTS,
    Coordinate,
    add_partitions,
    declare_partitions,
    held,
    prepare,
    produce_round,
    set_policy,
)
from analytics_platform_tests.proofs.privacy_places import DECLARED, MEANT, SENT_AS_THEY_ARE, TABLES, records
from analytics_platform_tests.proofs.privacy_search import Search, search_for, with_statistics
from analytics_platform_tests.proofs.privacy_unprotected import prove_each_protection
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.watched_instance import await_true, read

BASE_PORT, RATE = 5600, "100"
WAIT_SECONDS = 240.0
FORMS = {  # of what a treatment leaves
    "tokenise": r"^tok_[A-Za-z0-9_-]{20}(@tok\.invalid)?$",
    "mask": r"^[^A-Za-z0-9]*.{4}$",
    "encrypt": "^enc_.{20,}$",
}
COLUMNS = {"email": "emailAddress", "name": "name", "payment": "creditCard"}
OUTCOMES = {"published", "quarantined", "conflict", "duplicate", "discarded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The instance, its canaries and what is searched for them; where the foreign producer's records are."""

    instance: DrivenInstance
    canaries: Canaries
    search: Search
    received: Received
    foreign: Mapping[Coordinate, str]
    policies: list[dict[str, str]]


def prove(report: Report) -> None:
    """The demo and its search, then each protection turned off on a small pipeline."""
    report.seed = report.seed if report.seed > 1 else secrets.randbelow(2**31)
    canaries = drawn(report.seed)
    report.figure("seed of the canaries: --seed", report.seed)
    with http_receiver() as received, cloned_instance(report, BASE_PORT) as plain, core_files():
        instance = _settled(plain, received)
        prepare(instance.clone, canaries)
        demo = Demo(
            instance=instance,
            canaries=canaries,
            search=search_for(canaries),
            received=received,
            foreign={},
            policies=[set_policy(instance.clone, turn) for turn in range(len(TREATMENTS))],
        )
        demo = _rounds(report, demo)
        _claim_treated(report, demo)
        _look_where_it_lives(report, demo)
        instance.ap("down")
        _look_in_files(report, demo)
        _claim_nothing_found(report, demo)
        instance.up("--no-producer")
        privacy_controls.plant(report, instance, canaries, received)
        instance.ap("down")
        report.step("each protection turned off by itself")
        with tempfile.TemporaryDirectory(prefix="privacy-1-parts-") as folder:
            prove_each_protection(report, Path(folder), canaries, instance.clone)


@contextmanager
def core_files() -> Generator[None]:
    """Processes that are started meanwhile may leave core files, as far as this machine lets them."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def _settled(plain: DrivenInstance, received: Received) -> DrivenInstance:
    """The instance whose temporary files lie in the folder that is searched, and whose alerts we get."""
    temporary = plain.state_dir.parent / "tmp"
    temporary.mkdir()
    alerts = {"AP_ALERT_WEBHOOK_URL": received.url, "AP_ALERT_WEBHOOK_SECRET": secrets.token_hex(16)}
    return replace(plain, settings={"TMPDIR": str(temporary), **alerts})


def _rounds(report: Report, demo: Demo) -> Demo:
    """Each policy; in the last round batches are decided about, and a worker breaks."""
    foreign: dict[Coordinate, str] = {}
    for turn in range(len(TREATMENTS)):
        policy = set_policy(demo.instance.clone, turn)
        report.step(f"ap up, {RATE} events a second: {', '.join(f'{kind}: {how}' for kind, how in policy.items())}")
        demo.instance.up("--rate", RATE)
        if turn == 0:
            add_partitions(demo.instance.kafka())
        foreign |= produce_round(demo.instance, demo.canaries, turn).shapes
        if turn + 1 < len(TREATMENTS):
            demo.instance.ap("down")
        if turn == 0:
            declare_partitions(demo.instance.clone)
    report.figure(places.FOREIGN_RECORDS, len(foreign))
    report.figure("of these shapes", len({(topic, shape) for (topic, _, _), shape in foreign.items()}))
    _decide(report, demo.instance)
    _break_a_worker(report, demo.instance)
    return replace(demo, foreign=foreign)


def _decide(report: Report, instance: DrivenInstance) -> None:
    """Held batches are released, and discarded, of which dead letters tell; and hours are judged again."""
    batches = held(instance)
    report.figure("batches that failed as a whole", batches)
    report.claim(
        "in each round a batch of each stream failed as a whole", len(batches) >= len(TREATMENTS) * len(FIELDS)
    )
    release = [name for name in batches if name.startswith("auctions/")]
    discard = [name for name in batches if not name.startswith("auctions/")][1:]
    report.step(f"{len(release)} of them are released, {len(discard)} discarded, and persons are judged again")
    for verb, names in (("release", release), ("discard", discard)):
        done = instance.ap("batch", verb, *names, "--reason", "a proof")
        report.claim(f"ap batch {verb} ends well {done.stderr[-300:] if done.returncode else ''}", not done.returncode)
    now = datetime.now(UTC)
    hours = [f"{at:%Y-%m-%dT%H:00}" for at in (now - timedelta(hours=2), now + timedelta(hours=1))]
    done = instance.ap("backfill", "persons", "--from", hours[0], "--to", hours[1])
    report.claim(f"ap backfill ends well {done.stderr[-300:] if done.returncode else ''}", not done.returncode)


def _break_a_worker(report: Report, instance: DrivenInstance) -> None:
    """A worker that holds personal data aborts, on a machine where that leaves a core file."""
    limits = {pid: _core_limit(pid) for pid in instance.processes()}
    report.claim(
        f"none of {len(limits)} processes may leave a core file", bool(limits) and set(limits.values()) <= {"0", "1"}
    )
    await_true(lambda: _abort_worker(instance), WAIT_SECONDS, "a worker to break")
    dead = {f"{stream}.dead" for stream in FIELDS}
    await_true(lambda: dead <= {r.topic for r in records(instance.kafka())}, WAIT_SECONDS, "dead letters of all")


def _abort_worker(instance: DrivenInstance) -> bool:
    try:
        os.kill(instance.worker()[1], signal.SIGABRT)
    except (LookupError, ProcessLookupError):
        return False
    return True


def _core_limit(pid: int) -> str:
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return "0"  # it has ended
    return next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()[4]


def _claim_treated(report: Report, demo: Demo) -> None:
    """The policies were in force: what silver holds of the good ones of each round has the form of its treatment."""
    report.step("what silver holds")
    wrong = []
    for turn, policy in enumerate(demo.policies):
        ids = [f"foreign-persons-{turn * PER_ROUND + number}" for number in range(2)]
        for kind, treatment in policy.items():
            query = f"""select "{COLUMNS[kind]}" from rows where event_id in ('{"', '".join(ids)}')"""
            found = [value for (value,) in read(demo.instance, "persons/silver", query)]
            if len(found) != len(ids) or not all(_has_form(value, treatment) for value in found):
                wrong.append(f"{kind} {treatment}: {found}")
    report.claim(f"each kind was treated in each of {len(TREATMENTS)} ways {wrong or ''}", not wrong)
    found = {row[0] for row in read(demo.instance, "persons/exceptions", "select distinct outcome from rows")}
    found |= {"published"} if read(demo.instance, "persons/silver", "select 1 from rows limit 1") else set()
    report.claim(f"persons had all outcomes ({', '.join(sorted(found))})", found >= OUTCOMES)


def _has_form(value: str | None, treatment: str) -> bool:
    return value is None if treatment == "drop" else value is not None and bool(re.fullmatch(FORMS[treatment], value))


def _look_where_it_lives(report: Report, demo: Demo) -> None:
    instance, search = demo.instance, demo.search
    report.step("the search: topics, by a consumer")
    _look_in_topics(report, demo)
    report.step("the search: databases, metrics, alerts, what ap says")
    for kind, found in (
        (places.DATABASES, places.databases(instance)),
        (places.METRICS, places.metrics(instance)),
        (places.SAID, places.commands(instance, held(instance)[:3])),
        (places.ALERTS, ((path, body) for path, _, body in demo.received.requests)),
    ):
        for place, data in found:
            search.look(kind, place, data)
    report.step("the search: pages of the UI")
    with browsing() as browser:
        for place, data in places.pages(instance, browser):
            search.look(places.PAGES, place, data)


def _look_in_files(report: Report, demo: Demo) -> None:
    """All that is left on disk once nothing is at work any more."""
    report.step("the search: files")
    treated = {name for fields in FIELDS.values() for name in fields}
    kept = []
    for kind, path in places.files(demo.instance):
        demo.search.look_in_file(kind, path)
        if kind == TABLES and path.suffix == ".parquet":
            kept += [f"{path}: {names}" for names in with_statistics(path, treated)]
    report.claim(f"no file of a table keeps statistics of a treated column {kept[:3] or ''}", not kept)


def _look_in_topics(report: Report, demo: Demo) -> None:
    """Only what the foreign producer sent may be there, and all of it must be found."""
    search, silent, theirs = demo.search, [], 0
    others: dict[str, list[bytes]] = {}
    for record in records(demo.instance.kafka()):
        shape = demo.foreign.get(record.coordinate)
        if shape is None:
            others.setdefault(record.topic, []).append(record.data)
            theirs += record.topic in FOREIGN
        elif not search.look(places.FOREIGN_RECORDS, str(record.coordinate), record.data):
            silent.append(shape)
    for topic, found in others.items():
        search.look(places.OTHER_RECORDS, topic, b"\n".join(found))
    report.figure("records of the auction house", theirs)
    report.figure("other records by topic", {topic: len(found) for topic, found in others.items()})
    looked = search.places[places.FOREIGN_RECORDS]
    report.claim("every canary is found where the foreign producer sent it", looked == len(demo.foreign) and not silent)
    dead = {f"{stream}.dead" for stream in FIELDS}
    report.claim("there are dead letters of every stream", dead <= others.keys())


def _claim_nothing_found(report: Report, demo: Demo) -> None:
    search = demo.search
    report.figure("places searched", dict(search.places))
    report.figure("megabytes searched", {kind: round(size / 1e6, 1) for kind, size in search.sizes.items()})
    report.claim("canaries are found in their own partitions on disk", bool(search.hits.get(SENT_AS_THEY_ARE)))
    report.claim("and where the auction house keeps what it meant", bool(search.hits.get(MEANT)))
    for kind in search.places:
        if kind in (*DECLARED, places.FOREIGN_RECORDS):
            continue
        hits = search.hits.get(kind, [])
        report.claim(f"nothing in the clear: {kind} ({search.places[kind]} places)", not hits)
        for hit in {hit.place: hit for hit in hits}.values():
            report.say(f"             {hit}")
    missing = set(places.EXPECTED) - set(search.places)
    report.claim(f"every kind of place was there {sorted(missing) or ''}", not missing)
