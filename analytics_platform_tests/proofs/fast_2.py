"""The fast path and the plain one agree: on a topic that holds every awkward thing, and on a million record batches.

Plain is: kafka-python's own records, one by one; DuckDB for every JSON body. What is compared is the content hash, of
whole tables after whole leases, and of a few thousand batches at a time. A million batches of random shapes come from
kafka-python's own builder: keys, values and headers of every sort, all codecs, compacted numbers, transactions.
"""

import os
import random
import struct
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from analytics_platform.ingest.json_text import compile_json
from analytics_platform.ingest.kafka.fetch import KafkaReader, PlainReader
from analytics_platform.ingest.record_batch import decode_batches
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.ledger.postgres import planning
from analytics_platform.pipeline import has_unplanned
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.ingest.batches import CODECS, NOW_MS, control, fetched, sealed
from analytics_platform_tests.ingest.cases_of_records import transaction
from analytics_platform_tests.ingest.on_kafka import READER, Post, letter, letters, opened
from analytics_platform_tests.ingest.topics import KafkaTopics
from analytics_platform_tests.proofs.report import ROOT, Report

BATCHES, AT_ONCE = 1_000_000, 2_000
TOPIC, ROUNDS = "awkward", 20


def prove(report: Report) -> None:
    """The awkward topic by both ways, then the generated batches; a decoder that errs once would be noticed."""
    with tempfile.TemporaryDirectory(prefix="fast-2-") as folder:
        _awkward(report, Path(folder))
    report.step(f"{BATCHES:,} record batches of random shapes, seed {report.seed}")
    seeds = [report.seed * 1_000_000 + number for number in range(BATCHES // AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        compared = list(pool.map(compare, seeds))
    report.figure("seed", report.seed)
    report.figure("batches", sum(each.batches for each in compared))
    report.figure("records", sum(each.rows for each in compared))
    report.figure("what they were", dict(sum((each.shapes for each in compared), Counter())))
    differing = [each.seed for each in compared if each.fast != each.plain]
    report.claim(f"the same content hash for all of them {differing[:5] or ''}", not differing)
    report.claim("a million batches were compared", sum(each.batches for each in compared) >= BATCHES)
    report.claim("each stretch held records", all(each.rows for each in compared))
    report.claim("noticed: one byte of one value", _notices(report.seed))


def _awkward(report: Report, folder: Path) -> None:
    report.step("a topic with all codecs, transactions, tombstones, nulls, empty and large records, good and bad JSON")
    with (
        running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
        running_postgres(folder / "postgres") as postgres,
        fresh_database(postgres) as fast_dsn,
        fresh_database(postgres) as plain_dsn,
    ):
        found = {}
        for kind, dsn in ((KafkaReader, fast_dsn), (PlainReader, plain_dsn)):
            topics = KafkaTopics(kafka.bootstrap, kind)
            if kind is KafkaReader:
                topics.create(TOPIC, 2, max_message_bytes="4000000")
            with opened(topics, TOPIC, dsn, folder / kind.__name__, batch_rows=1_000) as post:
                if kind is KafkaReader:
                    _fill(post, random.Random(report.seed))
                found[kind] = _told(post)
                values = pa.array([value for _, value in post.bronze().values()], pa.binary())
    fast, plain = found[KafkaReader], found[PlainReader]
    report.figure("outcomes", fast["outcomes"])
    report.figure("content hashes", fast["hashes"])
    report.claim("both leases give the same rows, outcomes and content hash of every table", fast == plain)
    report.claim("rows of several outcomes", len(fast["outcomes"]) > 1)
    _json(report, values.drop_null())


def _fill(post: Post, chance: random.Random) -> None:
    for codec in CODECS:
        post.write(letters(400, pad="ab" * 40), compression_type=codec)
    for number in range(ROUNDS):
        transaction(post, letters(chance.randint(1, 9), number), commit=number % 3 != 0)
        odd = [_odd(chance, number) for _ in range(chance.randint(50, 150))]
        post.write([*odd, letter(number, pad="x" * 1_000_000), *letters(100)], number % 2)
    outer = transaction(post, letters(3), commit=None)
    transaction(post, letters(5, 100), commit=False, within=True)
    outer.commit_transaction(10)
    post.topics.wait_until_decided(TOPIC, 0)
    post.topics.delete_before(TOPIC, 0, 7)


def _odd(chance: random.Random, number: int) -> FakeRecord:
    good = letter(number, pad=chance.choice(["", "ä\U0001f600", 'a"b', "\\", "x" * 300]))
    headers = [
        (chance.choice(["a", "b", "ü"]), chance.choice([None, b"", b"\xff"])) for _ in range(chance.randint(0, 3))
    ]
    values = [
        None,
        b"",
        b"{",
        b'{"n":1}',
        b'{"n": 1, "pad": "z"}',
        b'{"pad":"z","n":1}',
        b'{"n":01,"pad":""}',
        b'{"n":1,"pad":"\xff"}',
        b'{"n":1,"n":2,"pad":""}',
        b'{"n":99999999999999999999,"pad":""}',
        good.value,
    ]
    key = chance.choice([None, b"", b"key", b"k" * 200])
    return replace(good, value=chance.choice(values), key=key, headers=tuple(headers))


def _told(post: Post) -> dict[str, dict[str, object]]:
    """What a reader's leases make of the topic: hashes of whole tables and counts, whatever they were cut into.

    Fails unless bronze is what a stock client reads.
    """
    manifests = list(post.lease())
    while has_unplanned(post.parts) or planning.open_batches(post.parts.ledger, post.parts.pipeline.stream_names):
        manifests += post.lease()
    post.agrees()
    hashes: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for manifest in manifests:
        hashes.update(manifest.hashes)
        outcomes.update({str(outcome): count for outcome, count in manifest.outcomes.items()})
    return {
        "hashes": {layer: f"{total % 2**64:016x}" for layer, total in hashes.items()},
        "outcomes": dict(outcomes),
        "offsets": {"rows": sum(m.rows for m in manifests), "gaps": sum(m.gaps for m in manifests)},
    }


def _json(report: Report, bodies: pa.BinaryArray) -> None:
    plan = compile_json(READER)
    (fast, faults), (plain, plain_faults) = plan.decode(bodies), plan.decode_any(bodies)
    report.figure("JSON bodies", len(bodies))
    report.claim("JSON side by side and by DuckDB: the same content hash", fingerprint(fast) == fingerprint(plain))
    report.claim("JSON side by side and by DuckDB: the same faults", faults.equals(plain_faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The content hashes of a stretch of batches, read both ways, and what it was made of."""

    seed: int
    fast: int
    plain: int
    batches: int
    rows: int
    shapes: Counter[str]


def compare(seed: int) -> Compared:
    """Read as many batches as one fetch may bring by both ways."""
    shapes: Counter[str] = Counter()
    raws, aborted, plain = _stretch(random.Random(seed), shapes)
    fast = decode_batches(fetched(*raws, aborted=aborted))
    return Compared(
        seed=seed, fast=fingerprint(fast), plain=fingerprint(plain), batches=len(raws), rows=len(fast), shapes=shapes
    )


def _stretch(chance: random.Random, shapes: Counter[str]) -> tuple[list[bytes], tuple[tuple[int, int], ...], pa.Table]:
    """Batches that follow one another, the aborted transactions among them, and the rows as kafka-python reads them."""
    raws, aborted, rows, base = [], list[tuple[int, int]](), list[dict[str, object]](), 0
    while len(raws) < AT_ONCE:
        producer = chance.randint(1, 3) if chance.random() < 0.1 else -1
        raw = _batch(chance, base, producer, shapes)
        is_aborted = producer >= 0 and chance.random() < 0.5
        raws.append(raw)
        if not is_aborted:
            rows.extend(_rows(raw))
        base += _span(raw)
        if producer >= 0:
            shapes["aborted" if is_aborted else "committed"] += 1
            aborted += [(producer, base - _span(raw))] if is_aborted else []
            raws.append(control(base, producer, commit=not is_aborted))
            base += 1
    return raws, tuple(aborted), pa.Table.from_pylist(rows, RECORDS_SCHEMA)


def _batch(chance: random.Random, base: int, producer: int, shapes: Counter[str]) -> bytes:
    """One batch: mostly a few records, some with hundreds, some with numbers that compaction has left out."""
    codec = chance.choice(list(CODECS))
    count = chance.choice([1, 1, 2, 3, 5, 8]) if chance.random() < 0.998 else chance.randint(200, 900)
    step = 1 if chance.random() < 0.9 else chance.randint(2, 200)
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], producer >= 0, producer, 0, 0, 1 << 30)
    for number in range(count):
        headers = [(chance.choice(["", "h", "name"]), _bytes(chance)) for _ in range(chance.choice([0, 0, 0, 1, 3]))]
        builder.append(number * step, NOW_MS + chance.randint(-(10**9), 10**9), _bytes(chance), _bytes(chance), headers)
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    shapes[codec] += 1
    shapes["large"] += count >= 200
    shapes["compacted"] += step > 1
    return sealed(raw)


def _bytes(chance: random.Random) -> bytes | None:
    kind = chance.random()
    if kind < 0.2:
        return None
    return b"" if kind < 0.3 else chance.randbytes(chance.choice([1, 5, 30, 63, 64, 130]) if kind < 0.99 else 9_000)


def _span(raw: bytes) -> int:
    return struct.unpack_from(">i", raw, 23)[0] + 1


def _rows(raw: bytes) -> Iterator[dict[str, object]]:
    for record in DefaultRecordBatch(raw):
        yield {
            "partition": 3,
            "offset": record.offset,
            "broker_at": record.timestamp * 1000,
            "key": record.key,
            "value": record.value,
            "headers": [{"key": key, "value": value} for key, value in record.headers],
        }


def _notices(seed: int) -> bool:
    """Whether the comparison sees that one value of a stretch has another last byte."""
    _, _, plain = _stretch(random.Random(seed), Counter())
    rows = plain.to_pylist()
    victim = next(row for row in rows if row["value"])
    victim["value"] = victim["value"][:-1] + bytes([victim["value"][-1] ^ 1])
    return fingerprint(pa.Table.from_pylist(rows, RECORDS_SCHEMA)) != fingerprint(plain)
