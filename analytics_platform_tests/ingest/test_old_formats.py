"""Messages of formats before record batches, as a broker that was upgraded for years still has them on disk."""

from collections import Counter

import pyarrow as pa
import pytest
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.plan import plan_batch
from analytics_platform.ingest.records import Gap
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import running_cluster
from analytics_platform_tests.fakes import FakeRecord
from analytics_platform_tests.ingest.batches import NOW_MS, batch
from analytics_platform_tests.ingest.topics import KafkaTopics

VALUES = [b"%d" % n for n in range(12)]


def old(base, values, magic):
    """Messages of the old format at these offsets."""
    builder = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
    for number, value in enumerate(values):
        builder.append(base + number, NOW_MS, None, value)
    return bytes(builder.build())


def new(base, values):
    """One record batch."""
    return batch([(0, None, value, []) for value in values], base=base)


@pytest.mark.slow
@pytest.mark.parametrize("magic", [0, 1])
def test_old_messages_are_read_by_the_same_reader_between_new_ones(tmp_path, magic):
    with running_cluster(tmp_path, read_settings().jar_dir, brokers=1) as lone:
        topics = KafkaTopics(lone.bootstrap, KafkaReader)
        topics.create("aged")
        topics.append("aged", 0, [FakeRecord(value=value) for value in VALUES])
        lone.kill(1)
        raw = new(0, VALUES[:3]) + old(3, VALUES[3:6], magic) + new(6, VALUES[6:9]) + old(9, VALUES[9:], magic)
        (partition,) = (tmp_path / "node1" / "data").glob("aged-0")
        for path in partition.glob("0*"):
            path.unlink()
        (partition / "00000000000000000000.log").write_bytes(raw)
        lone.start(1)
        with topics.reader() as reader:
            gaps = Counter()
            planned = plan_batch({}, reader.offsets(["aged"])["aged"], rows=100)
            table = pa.concat_tables(reader.fetch("aged", planned, gaps=gaps))
    assert table["value"].to_pylist() == VALUES
    assert table["offset"].to_pylist() == list(range(len(VALUES)))
    assert table["broker_at"].cast(pa.int64())[4].as_py() == (-1000 if magic == 0 else NOW_MS * 1000)
    assert {kind: count for kind, count in gaps.items() if count} == {}
    assert Gap.UNEXPLAINED in gaps, "the plain reader has been at work"
