"""What protection costs: CPU of a stream per batch of 100,000 records, with and without, batch by batch in turn.

The path is the real one (land, judge by rules and contract, write, publish; real Postgres, real tables), but records
come from memory: what a broker and its client take would only make the share look smaller. Both sides work on the same
records, one batch each in turn, after a first one that is not counted; the least of the batches is compared. Persons
are the hardest stream there is: each of its records is about somebody who has no key yet.
"""

import cProfile
import pstats
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.catalog import catalog_of
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.ingest.records import RECORDS_SCHEMA, int_array
from analytics_platform.ingest.splice import NOTHING
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres import planning
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect
from analytics_platform.product import Stream
from analytics_platform.product.privacy import NOT_PERSONAL, Privacy, Treatment
from analytics_platform.products.bids import BIDS
from analytics_platform.products.persons import PERSONS
from analytics_platform.quality.files import contract_file
from analytics_platform.registry.folder import read_schemas
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.privacy.tokens import subject_ids
from analytics_platform_tests.bench.profile import dearest
from analytics_platform_tests.brokers import fresh_ledger, running_postgres
from analytics_platform_tests.house_records import house_records
from analytics_platform_tests.proofs.house_log import HouseLog
from analytics_platform_tests.proofs.privacy_policies import CONTRACT, TAGS
from analytics_platform_tests.proofs.report import ROOT, Report

ROWS, BATCHES, CHUNK_ROWS = 100_000, 5, 30_000  # a chunk of some 12 MB, as a broker's are decoded
WARM = 1  # batches that are not counted
KEEP, TOKENISE, MASK, DROP, ENCRYPT = Treatment
PLAIN, PROTECTED = "plain", "protected"
LAST_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)  # no lease ends with it
ADDRESS = b'"emailAddress":"'
VALUE = RECORDS_SCHEMA.get_field_index("value")
KEPT = {"person": KEEP, "address": KEEP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A stream, a policy, and what it may cost as a share of the stream's CPU; None: that is only told.

    `is_known` says that everybody has a key before the first batch.
    """

    name: str
    stream: Stream
    privacy: Privacy
    at_most: float | None = None
    is_known: bool = False


def prove(report: Report) -> None:
    """Each case, both sides in turn."""
    with (
        tempfile.TemporaryDirectory(prefix="privacy-4-") as name,
        running_postgres(Path(name) / "postgres") as postgres,
    ):
        for number, case in enumerate(_cases()):
            report.step(case.name)
            policies = {PLAIN: None, PROTECTED: case.privacy}
            with ExitStack() as opened:
                sides = {
                    side: opened.enter_context(
                        _side(
                            Path(name) / f"{number}-{side}",
                            opened.enter_context(fresh_ledger(postgres)),
                            replace(case.stream, privacy=privacy),
                        )
                    )
                    for side, privacy in policies.items()
                }
                if case.is_known:
                    sides[PROTECTED].make_keys(case.privacy)
                _compare(report, case, sides)


def _cases() -> list[Case]:
    bids = replace(BIDS, contract=contract_file(BIDS, ROOT / "schemas").read_text())
    privacy = Privacy(treatments={"person": TOKENISE}, tags=_tags(BIDS))
    three = {"email": TOKENISE, "payment": MASK, "name": ENCRYPT}
    what = "e-mail tokenised, card masked, name encrypted"
    return [
        Case(name="bids, bidder tokenised", stream=bids, privacy=privacy, at_most=0.10),
        _persons(f"new persons, {what}", three, at_most=0.35),
        _persons(f"persons with a key, {what}", three, is_known=True),
        _persons("persons, three fields tokenised", dict.fromkeys(three, TOKENISE)),
        _persons("persons, three fields masked", dict.fromkeys(three, MASK)),
        _persons("new persons, three fields encrypted", dict.fromkeys(three, ENCRYPT)),
    ]


def _persons(name: str, treated: Mapping[str, Treatment], at_most: float | None = None, is_known: bool = False) -> Case:
    privacy = Privacy(treatments={**KEPT, **treated}, tags=_tags(PERSONS), subject="id")
    stream = replace(PERSONS, contract=CONTRACT)
    return Case(name=name, stream=stream, privacy=privacy, at_most=at_most, is_known=is_known)


def _tags(stream: Stream) -> dict[str, str]:
    names = reader_columns(read_schemas(ROOT / "schemas", stream.name).reader).names
    return {name: TAGS[stream.name].get(name, NOT_PERSONAL) for name in names}


def _compare(report: Report, case: Case, sides: Mapping[str, "Side"]) -> None:
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for batch in range(WARM + BATCHES):
        for side, each in sides.items():
            seconds[side].append(each.batch(batch))
    counted = {side: [round(spent, 3) for spent in found[WARM:]] for side, found in seconds.items()}
    for side, found in counted.items():
        report.figure(f"{case.name}: CPU s per batch, {side}", found)
    plain, protected = (min(found) for found in counted.values())
    share = protected / plain - 1
    report.figure(f"{case.name}: share", f"{share:.1%}")
    rows = {side: each.silver() for side, each in sides.items()}
    wanted = ROWS * (WARM + BATCHES)
    report.claim(f"{case.name}: both published all {wanted:,} rows", set(rows.values()) == {wanted})
    if case.at_most is not None:
        report.claim(f"{case.name}: at most {case.at_most:.0%}", share <= case.at_most)
        if share > case.at_most:
            report.figure(f"{case.name}: profile", _profile(sides[PROTECTED]))


def _profile(side: "Side") -> list[str]:
    """Where the time of one more batch goes."""
    profile = cProfile.Profile()
    profile.runcall(side.batch, WARM + BATCHES)
    return dearest(pstats.Stats(profile))


@dataclass(slots=True)
class Side:
    """A stream's parts over a log in memory."""

    parts: Parts
    log: HouseLog

    def batch(self, number: int) -> float:
        """Work off the batch of that number, from 0; the CPU seconds that it took."""
        self.log.end = (number + 1) * ROWS
        before = time.process_time()
        run_lease(self.parts, f"run {number}", LAST_HOUR)
        spent = time.process_time() - before
        if planning.open_batches(self.parts.ledger, self.parts.pipeline.stream_names):
            raise RuntimeError("a batch is left")
        return spent

    def make_keys(self, privacy: Privacy) -> None:
        """A key for everybody in the log, as if they had registered before."""
        keys = self.parts.keys
        if keys is None:
            raise RuntimeError("no provider of keys")
        persons = self.log.records["key"].combine_chunks().cast(pa.string())
        ids = subject_ids(keys.environment(), privacy.tags["id"], persons)
        keys.of_subjects(ids.to_pylist(), create=True)

    def silver(self) -> int:
        """How many rows are in silver."""
        return sum(table.rows() for name, table in self.parts.tables.by_name.items() if name.endswith("/silver"))


@contextmanager
def _side(folder: Path, dsn: str, stream: Stream) -> Generator[Side]:
    pipeline = catalog_of([stream]).pipelines[stream.pipeline]
    schemas = {stream.name: read_schemas(ROOT / "schemas", stream.name)}
    log = HouseLog(stream.topic, _records(stream, schemas[stream.name].reader.id), CHUNK_ROWS)
    with connect(dsn, application="proof") as ledger:
        ensure_pipeline(ledger, pipeline.name)
        parts = Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=log,
            query=connect_duckdb(),
            schemas=schemas,
            tables=Tables.open(folder / "tables", pipeline, schemas),
            keys=KeyFiles(folder / "keys"),
            limits=Limits(lease_seconds=3600, quiet_seconds=0, cycle_seconds=0),
        )
        yield Side(parts, log)


def _records(stream: Stream, schema_id: int) -> pa.Table:
    """Batches to be counted, one to get warm, and one to be profiled; every person has an address of their own."""
    kind = Kind(stream.name)
    records = house_records(kind, ROWS * (WARM + BATCHES + 1), schema_id, is_json=kind is Kind.PERSONS)
    if kind is not Kind.PERSONS:
        return records
    pieces = pc.split_pattern(records["value"].combine_chunks(), ADDRESS)
    numbers = int_array(np.arange(len(records))).cast(pa.string()).cast(pa.binary())
    named = pc.binary_join_element_wise(ADDRESS, numbers, NOTHING)
    values = pc.binary_join_element_wise(pc.list_element(pieces, 0), named, pc.list_element(pieces, 1), NOTHING)
    return records.set_column(VALUE, RECORDS_SCHEMA.field(VALUE), values)
