"""Kafka as it is: one id for each noun, each through a real lease on a real broker, beside a stock client.

Those marked slow need brokers of their own that die; they run under `make proof P=path-3`, or with `-m slow`.
"""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import Cluster, running_cluster
from analytics_platform_tests.ingest import cases_of_brokers, cases_of_records
from analytics_platform_tests.ingest.topics import KafkaTopics

FAST = {
    "control records": cases_of_records.control_records,
    "aborted transactions": cases_of_records.aborted_transactions,
    "hanging transactions": cases_of_records.hanging_transactions,
    "compacted gaps": cases_of_records.compacted_gaps,
    "tombstones": cases_of_records.tombstones,
    "null keys and values": cases_of_records.null_keys_and_values,
    "0-byte and 1 MB records": cases_of_records.empty_and_large_records,
    "all codecs": cases_of_records.all_codecs,
    "a partition added while running": cases_of_brokers.added_partition,
    "a topic deleted and recreated": cases_of_brokers.recreated_topic,
    "retention that overtook the plan": cases_of_brokers.overtaken_by_retention,
}
SLOW = {
    "an offset past the log's end after an unclean election": cases_of_brokers.unclean_election,
    "a moved leader": cases_of_brokers.moved_leader,
    "a dead broker": cases_of_brokers.dead_broker,
    "a slow one": cases_of_brokers.slow_broker,
}
NOUNS = [
    *(pytest.param(case, id=noun) for noun, case in FAST.items()),
    *(pytest.param(case, id=noun, marks=pytest.mark.slow) for noun, case in SLOW.items()),
]


@dataclass(slots=True)
class Place:
    """Where a case happens: names and folders of its own, and brokers that are started when they are asked for."""

    name: str
    folder: Path
    dsn: str
    request: pytest.FixtureRequest

    @property
    def real(self) -> KafkaTopics:
        """The broker that the tests share."""
        return KafkaTopics(self.request.getfixturevalue("kafka").bootstrap, KafkaReader)

    @property
    def data(self) -> Path:
        """Where that broker keeps its logs."""
        return self.request.getfixturevalue("kafka").part.cwd / "data"

    @property
    def cluster(self) -> Cluster:
        """Three brokers, for all cases of this module that may kill them."""
        cluster = self.request.getfixturevalue("cluster")
        cluster.start(*(node for node in cluster.parts if node not in cluster.running))
        return cluster

    @property
    def jars(self) -> Path:
        """What a broker consists of."""
        return read_settings().jar_dir


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("cluster"), read_settings().jar_dir) as running:
        yield running


@pytest.fixture
def place(request, ledger_dsn, tmp_path):
    return Place(f"as-it-is-{uuid4().hex[:12]}", tmp_path, ledger_dsn, request)


@pytest.mark.parametrize("case", NOUNS)
def test_kafka_as_it_is(case, place):
    rows_compared = case(place)

    assert rows_compared > 0
