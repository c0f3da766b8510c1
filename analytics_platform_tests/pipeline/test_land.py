"""Landing: chunks become files of one commit, in order; what the log does not account for is not landed."""

from collections import Counter
from dataclasses import replace
from threading import Event

import pyarrow as pa
import pytest

from analytics_platform.errors import FencedError, UnaccountedError
from analytics_platform.facts import BatchState
from analytics_platform.ingest.plan import plan_batch
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.ledger.postgres import planning
from analytics_platform.pipeline.land import BronzeWriter, land, settled
from analytics_platform_tests.fakes import FakeReader, FakeRecord
from analytics_platform_tests.pipeline.orders import kafka_with, lease, opened, order

LARGE, ROWS = FakeRecord(value=bytes(10_000)), 4_000  # 40 MB


class ForgetfulReader(FakeReader):
    """Loses the last record of each table."""

    def fetch(self, *arguments, **options):
        for table in super().fetch(*arguments, **options):
            yield table.slice(0, table.num_rows - 1)


class BackwardReader(FakeReader):
    """Hands the tables of a fetch over in the opposite order."""

    def fetch(self, *arguments, **options):
        yield from reversed(list(super().fetch(*arguments, **options)))


def planned(parts):
    found = parts.reader.offsets(["orders-topic"])["orders-topic"]
    ranges = plan_batch({}, found, rows=10**6)
    pins = parts.pins(parts.pipeline.stream("orders"))
    return planning.record(parts.ledger, "shop", "orders", ranges, pins, parts.now())


def test_rows_that_a_reader_loses_are_no_gaps(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1), None, order(2)], []])) as parts:
        broken = replace(parts, reader=ForgetfulReader(parts.reader.kafka))
        with pytest.raises(UnaccountedError, match=r"3 offsets, 1 rows came out, .* 1 offsets hold none"):
            lease(broken)
        assert parts.tables.by_name["orders/bronze"].rows() == 0
        assert len(planning.open_batches(parts.ledger, ["orders"])) == 1
        lease(parts)
        assert parts.tables.by_name["orders/bronze"].rows() == 2


def landed_rows(batch, parts):
    with BronzeWriter() as writer:
        landed = land(batch, parts, 1, writer)
        settled(batch, landed, parts)
    return landed.rows


def test_a_batch_counts_as_landed_once_bronze_holds_it_and_not_before(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1)], []])) as parts, BronzeWriter() as writer:
        held, batch = Event(), planned(parts)
        writer.submit(held.wait)
        landed = land(batch, parts, 1, writer)
        assert landed.rows.num_rows == 1
        assert parts.tables.by_name["orders/bronze"].rows() == 0
        assert planning.open_batches(parts.ledger, ["orders"])[0].state is BatchState.PLANNED
        held.set()
        assert settled(batch, landed, parts) == landed.commit.result()
        assert parts.tables.by_name["orders/bronze"].rows() == 1
        assert planning.open_batches(parts.ledger, ["orders"])[0].state is BatchState.LANDED


def fenced():
    raise FencedError("orders/bronze", 1, 2)


def test_a_fence_says_more_than_what_failed_besides():
    with pytest.raises(FencedError, match="epoch 2 took over from 1"), BronzeWriter() as writer:
        writer.submit(fenced)
        raise ConnectionError


def test_what_fails_without_a_fence_is_said_as_it_is():
    with pytest.raises(ConnectionError), BronzeWriter() as writer:
        writer.submit(lambda: 1 // 0)
        raise ConnectionError


def test_large_batches_become_several_files_of_one_commit(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[LARGE] * 3 * ROWS, [order(1)]])) as parts:
        parts = replace(parts, reader=FakeReader(parts.reader.kafka, rows_per_chunk=ROWS))
        bronze = parts.tables.by_name["orders/bronze"]
        before = bronze.version
        rows = landed_rows(planned(parts), parts)
        assert (bronze.version, len(bronze.files())) == (before + 1, 3)
        assert rows["partition"].to_pylist() == [0] * 3 * ROWS + [1]
        assert rows["offset"].to_pylist() == [*range(3 * ROWS), 0]


def test_small_batches_become_one_file_whatever_the_chunks(ledger_dsn, tmp_path):
    logs = [[order(n) for n in range(5)], [order(n) for n in range(5, 9)]]
    with opened(ledger_dsn, tmp_path, kafka_with(logs)) as parts:
        chunked = BackwardReader(parts.reader.kafka, rows_per_chunk=1000)
        batch = planned(parts)
        rows = landed_rows(batch, replace(parts, reader=chunked))
        assert Counter(rows["partition"].to_pylist()) == {0: 5, 1: 4}
        assert rows["offset"].to_pylist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
        assert len(parts.tables.by_name["orders/bronze"].files()) == 1
        assert isinstance(rows, pa.Table) and rows.schema.names == ["batch", *RECORDS_SCHEMA.names]
