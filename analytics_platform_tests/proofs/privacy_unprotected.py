"""Each protection turned off by itself, over a real broker, Postgres and tables: the search must find what gets out.

With all of them on it finds nothing in the same places, so that every one of them is needed, and the search sees it.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import UnprotectedError
from analytics_platform.facts import StreamSchemas
from analytics_platform.lake import tables
from analytics_platform.lake.shapes import TableShape
from analytics_platform.pipeline import protect as guard
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Limits, Parts
from analytics_platform.product import Pipeline, Stream
from analytics_platform.product.privacy import Privacy, Treatment
from analytics_platform.products.auctions import AUCTIONS
from analytics_platform.products.bids import BIDS
from analytics_platform.products.persons import PERSONS
from analytics_platform.registry.folder import read_schemas
from analytics_platform.security.privacy import protector
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform_tests.brokers import fresh_ledger, running_kafka, running_postgres
from analytics_platform_tests.proofs.canaries import Canaries, Sent
from analytics_platform_tests.proofs.own_topic import create_topic
from analytics_platform_tests.proofs.privacy_demo import ABOUT, FIELDS, FOREIGN, producer_of, send
from analytics_platform_tests.proofs.privacy_places import records
from analytics_platform_tests.proofs.privacy_planted import PROTECTIONS, quoting, turned
from analytics_platform_tests.proofs.privacy_search import Hit, search_for, with_statistics
from analytics_platform_tests.proofs.real_parts import parts_on
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.stock import UNSECURED

STREAMS = (PERSONS, BIDS, AUCTIONS)
LIST = {"name": "bidders", "type": {"type": "array", "items": "long"}, "default": []}  # has bodies read one by one
TREATMENTS = {
    "email": Treatment.TOKENISE, "name": Treatment.ENCRYPT, "payment": Treatment.MASK, "remark": Treatment.DROP,
    "person": Treatment.KEEP,
}  # fmt: skip
UNDECIDED = "extra"  # of bids: nobody says what becomes of it
FAULTS = {"protecting": (protector, "text_tokens", quoting), "opening": (guard, "decode", quoting)}
LIMITS = Limits(lease_seconds=60, quiet_seconds=0, cycle_seconds=0)
SOURCE = "analytics_platform/local/auction_house/chunk.py"
AT_SOURCE, NOT_AT_SOURCE = "if self.topic.at_source is not None:", "if False:"
NOT_PERSONAL = {
    "auctions": ("id", "itemName", "initialBid", "reserve", "dateTime", "expires", "category", LIST["name"]),
    "bids": ("auction", "price", "channel", "dateTime"),
    "persons": ("city", "state", "dateTime"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every case shares, and the clone whose schemas the foreign producer knows."""

    bootstrap: str
    dsn: str
    folder: Path
    canaries: Canaries
    clone: Path

    def schemas(self) -> dict[str, StreamSchemas]:
        """The project's, but for a list in auctions."""
        found = {stream.name: read_schemas(ROOT / "schemas", stream.name) for stream in STREAMS}
        reader = found["auctions"].reader
        source = json.loads(reader.text)
        listed = replace(reader, text=json.dumps({**source, "fields": [*source["fields"], LIST]}))
        return found | {"auctions": StreamSchemas(stream="auctions", reader=listed, writers={listed.id: listed})}


def prove_each_protection(report: Report, folder: Path, canaries: Canaries, clone: Path) -> None:
    """All on, then each off."""
    with (
        running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
        running_postgres(folder / "postgres") as postgres,
    ):
        for number, (name, off) in enumerate({"none": nullcontext, **PROTECTIONS}.items()):
            with fresh_ledger(postgres) as dsn, off():
                bench = Bench(
                    bootstrap=kafka.bootstrap, dsn=dsn, folder=folder / str(number), canaries=canaries, clone=clone
                )
                _judge(report, bench, name, str(number))
        with fresh_ledger(postgres) as dsn:
            bench = Bench(bootstrap=kafka.bootstrap, dsn=dsn, folder=folder / "s", canaries=canaries, clone=clone)
            _statistics(report, bench)
        for fault in FAULTS:
            for is_on in (True, False):
                with fresh_ledger(postgres) as dsn:
                    place = folder / f"error-{fault}-{is_on}"
                    bench = Bench(bootstrap=kafka.bootstrap, dsn=dsn, folder=place, canaries=canaries, clone=clone)
                    _error_text(report, bench, fault, is_on=is_on)
        _at_source(report, kafka.bootstrap, folder, canaries, clone)


def _judge(report: Report, bench: Bench, name: str, suffix: str) -> None:
    with _parts(bench, suffix) as parts:
        _lease(parts)
        hits = _hits(bench)
    places = sorted({"/".join(Path(hit.place).parts[-3:-1]) for hit in hits})
    if name == "none":
        report.claim(f"with every protection on, nothing is found {[str(hit) for hit in hits[:3]] or ''}", not hits)
    else:
        report.claim(f"without it, it is found: {name} ({', '.join(places)})", bool(hits))


def _statistics(report: Report, bench: Bench) -> None:
    """What a column's statistics would keep: the least and the greatest of what is protected."""
    original = tables.write_rows

    def with_all(rows: pa.Table, path: Path, shape: TableShape) -> None:
        original(rows, path, replace(shape, bounded_by=tuple(rows.column_names)))

    with _parts(bench, "statistics") as parts, turned(tables, "write_rows", with_all):
        _lease(parts)
    treated = {name for fields in FIELDS.values() for name in fields}
    kept = [path for path in bench.folder.rglob("*.parquet") if with_statistics(path, treated)]
    report.claim("without it, it is found: no statistics of treated columns", bool(kept))


def _error_text(report: Report, bench: Bench, fault: str, *, is_on: bool) -> None:
    """A fault of ours beside values in the clear, whose text quotes one."""
    off = nullcontext() if is_on else turned(guard, "FAULTS", ())
    with _parts(bench, f"{fault}-{is_on}") as parts, turned(*FAULTS[fault]), off:
        text = ""
        try:
            _lease(parts)
        except (UnprotectedError, ValueError):
            text = traceback.format_exc()  # what a run tells Dagster, and the log
    hits = search_for(bench.canaries).look("error", "traceback", text.encode())
    if is_on:
        report.claim(f"an error quotes no value: {fault}", bool(text) and not hits)
    else:
        report.claim(f"without it, it is found: errors that quote nothing: {fault}", bool(hits))


def _at_source(report: Report, bootstrap: str, folder: Path, canaries: Canaries, clone: Path) -> None:
    """The auction house as it is, and without the one line that protects what leaves it."""
    before = {record.coordinate for record in records(bootstrap)}
    _sell(bootstrap, folder / "sold", clone)
    new = [record for record in records(bootstrap) if record.coordinate not in before]
    hits = search_for(canaries).look("topics", "sold", b"\n".join(record.data for record in new))
    report.claim(
        f"what leaves the auction house is protected ({len(new)} records) {hits[:3] or ''}", bool(new) and not hits
    )
    source = clone / SOURCE
    text = source.read_text()
    source.write_text(text.replace(AT_SOURCE, NOT_AT_SOURCE))
    before |= {record.coordinate for record in new}
    _sell(bootstrap, folder / "sold in the clear", clone)
    new = [record for record in records(bootstrap) if record.coordinate not in before]
    hits = search_for(canaries).look("topics", "sold", b"\n".join(record.data for record in new))
    report.claim("without it, it is found: protection at the source", bool(hits) and source.read_text() != text)


def _sell(bootstrap: str, folder: Path, clone: Path) -> None:
    folder.mkdir(parents=True)
    told = {"AP_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(clone), **UNSECURED}
    house = ["--flat-out", "--events=3000", f"--bootstrap={bootstrap}", f"--truth={folder / 'truth'}"]
    subprocess.run(
        [sys.executable, "-m", "analytics_platform.local.auction_house", *house],
        cwd=clone,
        env={**{name: value for name, value in os.environ.items() if not name.startswith("AP_")}, **told},
        check=True,
        capture_output=True,
    )


@contextmanager
def _parts(bench: Bench, suffix: str) -> Generator[Parts]:
    """The pipeline on topics of its own, which hold one record of each shape."""
    pipeline, schemas = _pipeline(suffix), bench.schemas()
    sources = {name: json.loads(schemas[name].reader.text) for name in ("bids", "auctions")}
    producer = replace(producer_of(bench.clone, bench.canaries, 0), schemas=sources)
    topics = {stream.topic: FOREIGN[stream.name] for stream in pipeline.streams}
    for topic, partition in topics.items():
        create_topic(bench.bootstrap, topic, partition + 1)
    small = {stream.topic: _small(producer.records(stream.name)) for stream in pipeline.streams}
    send(bench.bootstrap, small, topics)
    with parts_on(bench.bootstrap, bench.dsn, bench.folder, pipeline, schemas, LIMITS) as parts:
        yield replace(parts, keys=KeyFiles(bench.folder / "keys"))


def _small(found: list[Sent]) -> list[Sent]:
    """Those that do not take a second each."""
    return [record for record in found if record.shape != "huge"]


def _pipeline(suffix: str) -> Pipeline:
    streams = [replace(stream, topic=f"{stream.name}-{suffix}", privacy=_privacy(stream)) for stream in STREAMS]
    return catalog_of(streams).pipelines[PERSONS.pipeline]


def _privacy(stream: Stream) -> Privacy:
    fields = dict.fromkeys(NOT_PERSONAL[stream.name], "none") | {ABOUT[stream.name]: "person", **FIELDS[stream.name]}
    if stream is PERSONS:
        fields |= {"extra": "remark"}
    if stream is BIDS:
        fields = {name: tag for name, tag in fields.items() if name != UNDECIDED}
    return Privacy(treatments=TREATMENTS, tags=fields, subject=ABOUT[stream.name])


def _lease(parts: Parts) -> None:
    run_lease(parts, "run", parts.now().replace(minute=0, second=0, microsecond=0))


def _hits(bench: Bench) -> list[Hit]:
    search = search_for(bench.canaries)
    paths = [path for path in bench.folder.rglob("*") if path.is_file()]
    return [hit for path in paths for hit in search.look_in_file("tables", path)]
