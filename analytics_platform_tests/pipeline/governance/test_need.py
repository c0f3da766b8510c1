"""What still needs a version: what Kafka keeps, what bronze keeps, what is pinned to it."""

import pytest

from analytics_platform.pipeline.governance.need import Sought, of_bronze, of_kafka, of_pins, written_in
from analytics_platform_tests.fakes import FakeKafka, FakeRecord
from analytics_platform_tests.pipeline.governance.bronze import NOW, SCHEMAS, STREAM, V1, V2, value, write

OLD, NEW = value(V1, price=3), value(V2, price=3, coupon="x")
FIRST = Sought(stream=STREAM, schemas=SCHEMAS, id=1)


@pytest.fixture
def kafka():
    made = FakeKafka()
    made.create("bids", 2)
    return made


def planned(ledger, kafka, partition, offset):
    topic = kafka.topic("bids").id
    ledger.execute("insert into frontier values ('bids', %s, %s, %s)", [topic, partition, offset])


def kept(ledger, kafka, table):
    with kafka.reader() as reader:
        return of_kafka(written_in(table, FIRST), reader, ledger, FIRST)


def test_an_offset_that_kafka_keeps_is_named_by_what_bronze_knows_of_it(ledger, kafka, tmp_path):
    kafka.append("bids", 0, [FakeRecord(value=v) for v in (NEW, OLD, OLD, NEW)])
    table = write(tmp_path, 1, [(0, n, v) for n, v in enumerate((NEW, OLD, OLD, NEW))])
    planned(ledger, kafka, 0, 4)

    assert kept(ledger, kafka, table) == ["offset 1 of bids-0, which Kafka keeps from 0 on"]
    kafka.delete_before("bids", 0, 2)
    assert kept(ledger, kafka, table) == ["offset 2 of bids-0, which Kafka keeps from 2 on"]
    kafka.delete_before("bids", 0, 3)
    assert kept(ledger, kafka, table) == []


def test_what_nobody_has_planned_yet_and_what_bronze_has_dropped_is_read_from_kafka(ledger, kafka, tmp_path):
    kafka.append("bids", 0, [FakeRecord(value=v) for v in (OLD, NEW, NEW)])
    kafka.append("bids", 1, [FakeRecord(value=v) for v in (NEW, OLD)])
    table = write(tmp_path, 1, [(0, 1, NEW), (0, 2, NEW), (1, 0, NEW)])
    planned(ledger, kafka, 0, 3)
    planned(ledger, kafka, 1, 1)

    found = kept(ledger, kafka, table)

    assert found == [
        "offset 0 of bids-0, which Kafka keeps from 0 on",
        "offset 1 of bids-1, which Kafka keeps from 0 on",
    ]


def test_bronze_of_a_topic_that_was_made_anew_does_not_speak_for_its_new_offsets(ledger, kafka, tmp_path):
    table = write(tmp_path, 1, [(0, n, NEW) for n in range(5)])
    kafka.append("bids", 0, [FakeRecord(value=v) for v in (NEW, OLD)])  # nothing of this topic is planned

    assert kept(ledger, kafka, table) == ["offset 1 of bids-0, which Kafka keeps from 0 on"]


def test_files_of_bronze_are_named_with_their_rows(tmp_path):
    write(tmp_path, 1, [(0, 0, OLD), (0, 1, OLD), (0, 2, NEW)])
    table = write(tmp_path, 2, [(0, 3, NEW)])

    [found] = of_bronze(written_in(table, FIRST), "bids/bronze")

    [file] = [each for each in table.files() if each.low["batch"] == 1]
    assert found == f"2 rows in bids/bronze/{file.path}"


def test_batches_that_are_read_with_it_count_while_bronze_has_their_rows(ledger, tmp_path):
    table = write(tmp_path, 7, [(0, 0, NEW)])
    for number in (6, 7):
        ledger.execute(
            "insert into batch (stream, number, hour, state, reader_schema_id, planned_at, contract_digest)"
            " values ('bids', %s, %s, 'published', 1, %s, '')",
            [number, NOW, NOW],
        )

    assert of_pins(ledger, "bids", 1, table.files()) == ["1 batches that are read with it, from bids/7 to bids/7"]
    table.drop(table.files(), epoch=1)
    assert of_pins(ledger, "bids", 1, table.files()) == []
